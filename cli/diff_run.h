/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles made comparable: functions of all files in one table, matched by name, and what each run
 * spent in them, per second, per unit of work, or as a share. */
#pragma once

#include "common/index.h"

#include <stdbool.h>
#include <stdint.h>

struct err;
struct frames;
struct profile;

enum diff_by {
	/* A whole run if all recordings lasted until their target ended; else time if all files say
	 * how long they took; else share. */
	DIFF_BY_DEFAULT,
	DIFF_BY_RUN,
	DIFF_BY_TIME,
	DIFF_BY_SHARE,
	DIFF_BY_WORK,
};

/* Function 0 stands for the whole profile. Names are as shown, without what compilers add to the
 * names of clones (".constprop.0", " [clone …]"); code without a name is one a module. */
struct diff_functions {
	struct diff_function {
		char *name, *module; /* module: of the first file that has it */
	} * at;
	uint32_t n, room;
	struct index index;
};

/* One file. */
struct diff_run {
	double *values;	 /* function → sum in the column, n of them: later functions have 0 */
	double *squares; /* function → sum of the squares of single samples: the variance */
	uint32_t n;
	double per; /* what values are divided by */
	int64_t duration_ns;
	/* Of all threads' time, what they wanted a CPU for, and what of that they had none: others
	 * had it. Both 0: not known. */
	double wanted_ns, missed_ns;
	bool is_whole_run; /* recorded until the target ended */
	char *labels;	   /* "KEY=VALUE, …", escaped; "": none */
};

struct diff_wish {
	const char *sample; /* column; NULL: the default of the first file */
	bool cum;
};

/* The column of all files, once the first has been read. */
struct diff_column {
	char *type, *unit;
};

void diff_run_functions_deinit(struct diff_functions *functions);
void diff_run_deinit(struct diff_run *run);
void diff_run_column_deinit(struct diff_column *column);
/* Adds up one profile. -EINVAL, -ENODATA with words: no such column, not measured, another unit,
 * nothing in it. `column` is set by the first and must be the same for all others. */
int diff_run_init(struct diff_run *run, const struct profile *profile, const struct diff_wish *wish,
		  struct diff_functions *functions, struct diff_column *column, struct err *err);
/* Of the time that n runs' threads wanted a CPU for, what they had none; negative: not known. */
double diff_run_missed(const struct diff_run *runs, uint32_t n);
/* Key of `frames` (by function and module) → function; new. Key 0: stacks without a frame. */
uint32_t *diff_run_map(struct diff_functions *functions, const struct frames *frames);
/* Without what compilers add; bytes of `name` that count. */
uint32_t diff_run_name_bytes(const char *name);
