# SPDX-License-Identifier: Apache-2.0
# The tests: `make check` runs all of them.
.PHONY: check unit
unit: $(B)/unit
	$(B)/unit
