/* SPDX-License-Identifier: Apache-2.0 */
/* A recording of a moment: one row a thread, with its stack and what it does. Who is off the CPU is
 * looked at once; who is on one is met by a short burst of samples. Nobody is stopped. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "bpf/types.h"

struct session;
struct tally_stacks;

enum {
	SNAPSHOT_HZ = 997,
	SNAPSHOT_NS = 50000000, /* the longest: fifty ticks for a thread that runs */
};

/* The threads are noted (times_begin()): those off the CPU get their rows. */
void snapshot_begin(struct session *session);
/* The first of each thread counts. */
void snapshot_on_sample(struct session *session, const struct sample_event *sample,
			const struct tally_stacks *stacks);
/* Every thread has its row. */
bool snapshot_is_whole(const struct session *session);
/* Those that the burst has not met, as they were on their way into sleep: asleep by now, or without
 * a stack. */
void snapshot_end(struct session *session);
