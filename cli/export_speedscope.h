/* SPDX-License-Identifier: Apache-2.0 */
/* A profile for speedscope (its file-format-schema.json, "sampled"): the selected column of all
 * threads together, then, if there are several, of each. */
#pragma once

#include <stdio.h>

struct selection;

void export_speedscope_write(FILE *out, const struct selection *selection, const char *name);
