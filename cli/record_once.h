/* SPDX-License-Identifier: Apache-2.0 */
/* One recording from the checked command line to the file: prepares, lives it (record_session.h),
 * saves, waits for CMD. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct err;
struct record_args;

/* A recording that is one of many (record_every.h): it waits for its turn with everything prepared.
 */
struct record_turn {
	int go;		 /* a byte: begin; the end of file: do not */
	int started;	 /* gets a byte when sampling runs */
	uint64_t number; /* from 0 */
	bool live;	 /* for a view: nobody reads what the target used meanwhile */
};

/* The target of `args` is opened unless it is open. `turn` NULL: begin at once. The exit status
 * (what had to be said has been said), or negative errno with words. */
int record_once_run(struct record_args *args, const char *socket_path,
		    const struct record_turn *turn, struct err *err);
