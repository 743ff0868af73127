/* SPDX-License-Identifier: Apache-2.0 */
/* Time of a recording in which the machine itself did not run, and clocks that jumped.
 *
 * - It stood still, without a word to the kernel: a virtual machine that was paused. The clocks
 * went on, nothing fired on any CPU, and the kernel takes all of it for time of who was on a CPU
 * then. That is who is sampled first on each CPU thereafter; it has the time as stolen (times.h).
 * - It was suspended: CLOCK_MONOTONIC, by which all is measured, stood still with it.
 * - The clock of the day was set, by which nothing is measured but the start. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "daemon/events.h"

struct sample_event;
struct session;
struct thread;

struct gaps {
	uint64_t looked_ns;	     /* CLOCK_MONOTONIC of the last look; 0: none yet */
	uint64_t base_ns, base_runs; /* about a second ago */
	/* What the clocks were ahead of each other. */
	int64_t boot_ns, day_ns;
	uint32_t n_still, n_slept, n_set;
	uint64_t still_ns, slept_ns;
	int64_t set_ns;
	uint64_t still_firings; /* that were due while it stood still */
	uint64_t threads_ns;	/* it stood still in, of all threads that it did */
	/* Since it stood still for the last time. */
	uint64_t resumed_ns, last_still_ns;
	events_cpus resumed; /* CPUs that were seen to run again */
};

/* What clocks say, as read together. */
struct gaps_clocks {
	uint64_t now_ns;
	int64_t boot_ns, day_ns; /* how far CLOCK_BOOTTIME is ahead of it, and the day's of that */
};

/* Before the ring is drained, of a session that samples. */
void gaps_look(struct session *session);
/* A sample of `thread`, which it may have been that ran while the machine stood still. */
void gaps_on_sample(struct gaps *gaps, const struct sample_event *sample, struct thread *thread);
/* Calls for each gap with words. */
void gaps_each(const struct gaps *gaps,
	       void (*each)(void *context, const char *what, const char *words), void *context);

/* The parts of gaps_look(). `runs`: how often the programs ran until then, on all of `cpus` CPUs.
 */
void gaps_on_clocks(struct gaps *gaps, const struct gaps_clocks *clocks);
void gaps_on_runs(struct gaps *gaps, uint64_t now_ns, uint64_t runs, uint64_t period_ns,
		  uint32_t cpus);
