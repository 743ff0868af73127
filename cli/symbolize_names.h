/* SPDX-License-Identifier: Apache-2.0 */
/* Gives the locations of one mapping of a profile the names that a worker knows. */
#pragma once

#include <stdint.h>

struct err;
struct profile;
struct symbolize_worker;

struct symbolize_names {
	uint32_t locations; /* of the mapping */
	uint32_t named;	    /* that had no name and have one now */
	uint32_t lines;	    /* that had no line and have one now */
};

/* Asks the worker's object for all locations of the mapping. What it does not know, or less of than
 * the profile, stays. Codes of symbolize_worker_names(), with words: what came until then counts.
 */
int symbolize_names(struct profile *profile, uint32_t mapping, struct symbolize_worker *worker,
		    struct symbolize_names *counts, struct err *err);
