/* SPDX-License-Identifier: Apache-2.0 */
/* The vdso has no file, but one image for all processes of the host: ours. */
#pragma once

/* A new fd (memfd) with its bytes, at their start; negative errno. */
int vdso_open(void);
