/* SPDX-License-Identifier: Apache-2.0 */
/* What the BPF programs counted (struct ticks, struct cpu_counters), read from mmapped maps: no
 * bpf() call, which would make the kernel skip samples. Counters only grow: a session's are the
 * difference between its end and its start. */
#pragma once

#include <stdint.h>
#include "bpf/types.h"

struct counters;
struct err;

/* Sums of all CPUs. `ticks` are the session's own; the others are of all sessions together. */
struct counters_sum {
	struct ticks ticks;
	uint64_t counter[COUNTERS];
	uint64_t walk_end[WALK_ENDS];
	uint64_t waits[WAITS], waits_ns[WAITS];
	uint64_t spent_ns; /* in the sampling program, and on waits that were walked */
};

/* The fds (LOAD_COUNTERS, LOAD_TICKS) are needed only here. */
int counters_open(struct counters **counters, int counters_fd, int ticks_fd, struct err *err);
void counters_close(struct counters *counters);
void counters_read(const struct counters *counters, uint32_t session, struct counters_sum *sum);
/* The same of no session, added to *sum. */
void counters_add(const struct counters *counters, struct counters_sum *sum);
/* So often the program ran for a session on one CPU. */
uint64_t counters_runs(const struct counters *counters, uint32_t session, uint32_t cpu);
/* What was added since `start`. Exact once the session's events are disabled. */
void counters_since(const struct counters *counters, uint32_t session,
		    const struct counters_sum *start, struct counters_sum *sum);

struct counters_item {
	const char *name;
	uint64_t value;
};
enum {
	COUNTERS_FIRINGS = 7,
};
/* What became of a session's firings, by name, without those that became samples: their sum and
 * ticks->sampled is the result, the number of firings. `firings`: the sum of the events' counts,
 * each divided by the period and rounded down; a run more than that is a firing too. */
uint64_t counters_firings(const struct ticks *ticks, uint64_t firings,
			  struct counters_item items[COUNTERS_FIRINGS]);

/* Names as they stand in profiles: lower case, never changed. "?" beyond the enums. */
const char *counters_name(unsigned counter);
const char *counters_wait_name(unsigned wait);
const char *counters_end_name(unsigned walk_end);
