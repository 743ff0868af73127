/* SPDX-License-Identifier: Apache-2.0 */
/* The data of a flame graph page: all stacks as one tree, and what each thread spent in which node,
 * a column each. The page adds up what is chosen (thread, column, direction), so nothing is in it
 * twice. As JSON (see flamegraph_data_write()); numbers of nodes are those of the pre-order walk.
 */
#pragma once

#include <stdio.h>

struct err;
struct profile;
struct jsontext;
struct selection_wish;

/* What a page that is not of one profile says instead. */
struct flamegraph_extra {
	const char *title;
	const char *head; /* lines */
	void (*write_more)(struct jsontext *json, const void *context);
	const void *context;
};

/* Writes
 *
 *	{"profile": {…}, "resources": […], "lines": [text, …], "columns": [{"type", "unit"}],
 *"column": number, "owners": [{"name", "pid", "tid"}], "modules": [text], "names": [text],
 *"module": [], "kind": [],                              (by key; kinds as in cli/frames.h) "key":
 *[], "up": [],                     (by node: levels up from the one before) "node": [], "owner":
 *[], "values": [[]]} (by sample: distance to the node before)
 *
 * `wish`: the column shown first, and which stacks. `extra` may be NULL. Negative errno with words.
 */
int flamegraph_data_write(FILE *out, const struct profile *profile, const char *file,
			  const struct selection_wish *wish, const struct flamegraph_extra *extra,
			  struct err *err);
