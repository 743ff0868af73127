# SPDX-License-Identifier: Apache-2.0
# Installing: packages needed, files put in place, the demonstration.
