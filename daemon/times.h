/* SPDX-License-Identifier: Apache-2.0 */
/* Exact times of a recording's threads: what the kernel has accounted to each at its end, or at the
 * recording's, less what it had at the beginning. */
#pragma once

#include <stdint.h>
#include "bpf/types.h"
#include "common/index.h"

struct times_thread {
	uint32_t tgid, tid;
	uint64_t start_time_ns;
	uint64_t begin_ns, end_ns; /* within the recording; end 0: lives */
	uint64_t oncpu_ns, runnable_ns;
	uint64_t oncpu_before_ns, runnable_before_ns;
	char comm[COMM_BYTES + 1];
};

struct times {
	struct {
		struct times_thread *at; /* from 1 */
		uint32_t n, room;
	} threads;
	struct index index;
	uint64_t sessions; /* the bit of this one */
	uint64_t begin_ns, end_ns;
};

/* Sums of all threads; blocked is what is left of wall. */
struct times_sum {
	uint64_t oncpu_ns, runnable_ns, wall_ns;
};

void times_init(struct times *times);
void times_deinit(struct times *times);
/* Reads from an fd of BROKER_THREADS (borrowed) what the threads of `session` have had until now.
 * 0, or negative errno: times are not known. */
int times_begin(struct times *times, uint32_t session, uint64_t now_ns, int fd);
/* A thread of any session has ended. */
void times_on_end(struct times *times, const struct thread_times *thread);
/* As times_begin(), for the end. Then the ring is drained once more, for those that ended before.
 */
int times_finish(struct times *times, uint64_t now_ns, int fd);
/* Threads that ended untold: what they had since the beginning is not in the sums. */
uint32_t times_unfinished(const struct times *times);

/* Within the recording. */
uint64_t times_wall_ns(const struct times *times, const struct times_thread *thread);
void times_sum(const struct times *times, struct times_sum *sum);
/* NULL: not known. */
const struct times_thread *times_find(const struct times *times, uint32_t tid,
				      uint64_t start_time_ns);
