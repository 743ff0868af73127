/* SPDX-License-Identifier: Apache-2.0 */
/* The flame graph page: one HTML file that needs nothing else: the sources in cli/page/ and
 * the data of flamegraph_data.h. */
#pragma once

#include <stdio.h>

struct err;
struct flamegraph_extra;
struct profile;
struct selection_wish;

/* Negative errno with words: as selection_init(). */
int flamegraph_page_write(FILE *out, const struct profile *profile, const char *file,
			  const struct selection_wish *wish, struct err *err);
/* The same of what is not one profile (flamegraph_data.h). */
int flamegraph_page_write_extra(FILE *out, const struct profile *profile,
				const struct flamegraph_extra *extra, struct err *err);
