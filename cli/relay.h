/* SPDX-License-Identifier: Apache-2.0 */
/* Recordings that follow each other without a gap: each is a child (record_once.h) that is prepared
 * before its turn, and begun so much before the one ahead of it ends as beginning takes. Here is
 * when; who the children are is their parents' matter (record_every.c, turns.c). */
#pragma once

#include <stdint.h>

/* Zeroed: nothing has begun. Times are of CLOCK_MONOTONIC. */
struct relay {
	int64_t go_ms;	    /* when the last one was told to begin */
	int64_t started_ms; /* when it sampled; 0: it does not yet */
	int64_t latency_ms; /* from the one to the other, of the last that did */
};

/* Tells the child behind the pipe `go` to begin; closes it. */
void relay_begin(struct relay *relay, int *go);
/* The pipe `started` of the one that was told is readable: it samples, or is gone. Closes it. */
void relay_on_started(struct relay *relay, int *started);
/* While one samples: when the next is to be prepared, and when it is to begin. */
void relay_plan(const struct relay *relay, uint64_t period_ns, int64_t *prepare_ms,
		int64_t *begin_ms);
/* For poll(), until `due_ms`, or less where that is far away. */
int relay_timeout_ms(int64_t due_ms, int64_t now_ms);
