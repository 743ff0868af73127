/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's end of the event ring (bpf/types.h): maps a ring buffer's fd and hands out its
 * events in order, each checked before a handler sees it. Needs no capability and makes no bpf()
 * call. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "bpf/types.h"

struct err;
struct ring;

/* What they point to is gone after they return. `data` is handed on. NULL: not wanted. */
struct ring_handlers {
	void *data;
	void (*on_stack)(void *data, const struct stack_event *stack);
	void (*on_sample)(void *data, const struct sample_event *sample);
	void (*on_wait)(void *data, const struct wait_event *wait);
	void (*on_copy)(void *data, const struct copy_event *copy);
	void (*on_life)(void *data, const struct life_event *life);	  /* by its event.kind */
	void (*on_thread)(void *data, const struct thread_times *thread); /* it has ended */
};

/* The fd is borrowed until ring_close(); it becomes readable when the kernel wants to be drained.
 */
int ring_open(struct ring **ring, int fd, struct err *err);
void ring_close(struct ring *ring);
/* What has come by now is all that the next drain hands out. */
void ring_mark(struct ring *ring);
/* Hands out at most `max` events (and those that it was relieved of) and returns how many were
 * taken out. */
size_t ring_drain(struct ring *ring, const struct ring_handlers *handlers, size_t max);
/* Makes room: what there is will be handed out by the next drain, before what comes. For who cannot
 * drain now, while he does something that has its place in the order of events. */
void ring_relieve(struct ring *ring);
/* Events that were malformed, and skipped: none, unless something is broken. */
uint64_t ring_invalid(const struct ring *ring);

/* The kind of the event when it is one, whole, with every member in its range; 0: it is not. */
uint32_t ring_check(const void *event, size_t bytes);
