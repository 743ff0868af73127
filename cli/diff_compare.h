/* SPDX-License-Identifier: Apache-2.0 */
/* Two sides compared, function by function, each difference with what chance explains. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct diff_functions;
struct diff_run;

struct diff_side {
	struct diff_run *runs;
	uint32_t n;
	/* For how much of the time that a CPU was wanted there was one, where what a run spent
	 * hangs on that (CPU time a second); 0: it does not, or that is not known. */
	double had_cpu;
};

struct diff_delta {
	uint32_t function;
	double before, after, delta; /* per run, per second, per unit of work, or shares of 1 */
	double noise;		     /* chance and contention explain differences up to this */
	bool is_sure;		     /* they do not explain this one */
};

struct diff_result {
	struct diff_delta whole; /* at 95 % by itself */
	/* Those of at least the smallest share asked for: sure ones first, then by size. `is_sure`
	 * holds for all of them together at 95 %. */
	struct diff_delta *deltas;
	uint32_t n, n_sure, n_hidden;
	bool is_measured; /* noise of runs: from several runs a side; else DIFF_RUN_NOISE */
};

/* What is taken for the differences between runs (standard deviation) where one run a side does not
 * show them. */
#define DIFF_RUN_NOISE 0.05

void diff_compare(struct diff_result *result, const struct diff_side *before,
		  const struct diff_side *after, const struct diff_functions *functions,
		  double min_percent, bool is_share);
void diff_compare_deinit(struct diff_result *result);
