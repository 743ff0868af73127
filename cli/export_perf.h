/* SPDX-License-Identifier: Apache-2.0 */
/* A profile as the text of `perf script` with its default fields
 * (perf-script(1)), for stackcollapse-perf, hotspot, Firefox Profiler. A profile has no times of
 * single samples: they are laid side by side a thread, in the order of the rows. */
#pragma once

#include <stdio.h>

struct selection;

/* Where the selected column is a count (of not too many), a record each; else a record a row, with
 * the value as its period. */
void export_perf_write(FILE *out, const struct selection *selection);
