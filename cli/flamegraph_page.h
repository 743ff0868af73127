/* SPDX-License-Identifier: Apache-2.0 */
/* The flame graph page: one HTML file that needs nothing else (FORMATS.md, "Flame graph page"). Its
 * sources are in cli/page/. */
#pragma once

#include <stdio.h>

struct err;
struct profile;
struct selection_wish;

/* Negative errno with words: as selection_init(). */
int flamegraph_page_write(FILE *out, const struct profile *profile, const char *file,
			  const struct selection_wish *wish, struct err *err);
