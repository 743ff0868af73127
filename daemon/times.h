/* SPDX-License-Identifier: Apache-2.0 */
/* Exact times of a recording's threads: what has been accounted to each at its end, or at the
 * recording's, less what had been at the beginning; both as read at that thread, so that they mean
 * the same interval whenever that was.
 *
 * On-CPU and runnable are the kernel's own account, off the CPU is what the programs saw between
 * switches. What of wall is neither was stolen: by the hypervisor, or by interrupts. Blocked is the
 * rest, so that the four add up to wall. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "bpf/types.h"
#include "daemon/threads.h"

struct times {
	struct threads *threads; /* borrowed */
	uint64_t sessions;	 /* the bit of this one */
	uint64_t begin_ns, end_ns;
	uint64_t period_ns; /* of samples; 0: there are none of time */
	uint64_t tick_ns;   /* the account of a running thread may be so late */
	bool off_known;	    /* of some thread: the programs tell of switches */
	uint64_t unnoted;   /* threads of which they tell none */
};

void times_init(struct times *times, struct threads *threads);
/* Reads from an fd of BROKER_THREADS (borrowed) what the threads of `session` have had until now.
 * 0, or negative errno: times are not known. */
int times_begin(struct times *times, uint32_t session, uint64_t now_ns, int fd);
/* A thread of any session has ended. */
void times_on_end(struct times *times, const struct thread_times *thread);
/* The last reading of one, known as it slept (sleepers.h): the number of the thread, 0: it is not
 * of this session, or has ended. */
uint32_t times_on_sleeper(struct times *times, const struct thread_times *thread);
/* As times_begin(), for the end of all others. Who has gone to sleep since `now_ns` ends there, so
 * that no wait of his is left open; of who slept before, open_since_ns tells. Then the ring is
 * drained once more, for those that ended before. */
int times_finish(struct times *times, uint64_t now_ns, int fd);
/* Threads that ended untold: what they had since the beginning is not in the sums. */
uint32_t times_unfinished(const struct times *times);

/* Of one thread, within the recording; zero where nothing is known. What it had while the machine
 * stood still is stolen. */
struct threads_sum times_of(const struct times *times, const struct thread *thread);
void times_add(struct threads_sum *sum, const struct threads_sum *more);
/* Of all. */
struct threads_sum times_sum(const struct times *times);
