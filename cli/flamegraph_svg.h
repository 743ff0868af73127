/* SPDX-License-Identifier: Apache-2.0 */
/* A flame graph as a static picture: roots at the bottom, the widest first, a tooltip a box. */
#pragma once

#include <stdio.h>

struct err;
struct profile;
struct selection_wish;

/* Negative errno with words: as selection_init(). */
int flamegraph_svg_write(FILE *out, const struct profile *profile, const char *file,
			 const struct selection_wish *wish, struct err *err);
