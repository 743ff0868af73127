/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who ended a wait, for sessions with SESSION_WAKERS: noted at sched_waking, in the waker's own
 * context, and told with the wait. An interrupt (timer, device, network) has no thread that would
 * mean something.
 *
 * The waker's stack is walked there and then, for it is gone when the wait is told. That is under
 * the lock of the thread that is woken, which only its other wakers want, and with interrupts off:
 * so walks are short, keep to a budget of their own, and are for waits that will most likely be
 * taken, since what decides of those is drawn here. */
#pragma once

#include "bpf/pace.h"
#include "bpf/times.h"
#include "bpf/walk.h"

enum {
	WAKERS_FRAMES_MAX = 256,
	WAKERS_INTERRUPT = 0xff0100, /* of preempt_count: NMI, interrupt, serving a soft one */
};

/* Of the thread in the same slot of `noted`. */
struct waker {
	__u64 drawn;	/* by pace_draw(), + 1; 0: no waking since it was last on a CPU */
	__u64 sessions; /* those that may see the stack */
	__u64 hash;	/* of it; 0: none */
	__u64 start_time_ns;
	__u32 check;
	__u32 tgid;
	__u32 tid; /* 0: an interrupt */
	char comm[COMM_BYTES];
	__u32 pad;
};
TYPES_ASSERT_SIZE(struct waker, 64);

MAPS_ARRAY(wakers, struct waker, NOTED_SLOTS, 0);

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct pace));
	__uint(max_entries, 1);
} wakers_pace SEC(".maps");

/* From a CPU's queue of threads to its count of what it is in, which the kernel gives no program's
 * address of; 0: not known. The broker's. */
__s64 wakers_preempt_count = 0;

/* Where it is not known, only those that interrupt user code are told apart: a system call has a
 * number. */
static __always_inline bool wakers_in_interrupt(struct task_struct *self)
{
	__u64 queue = 0;
	__u32 count = 0;
	if (wakers_preempt_count &&
	    !bpf_probe_read_kernel(&queue, sizeof(queue), &self->se.cfs_rq->rq) && queue &&
	    !bpf_probe_read_kernel(&count, sizeof(count),
				   (const void *)(queue + wakers_preempt_count)))
		return count & WAKERS_INTERRUPT;
	return !registers_in_call(self);
}

/* The stack of the current thread, whose space is `space`, if there is room in the ring. */
static __always_inline void wakers_walk(struct waker *waker, struct task_struct *self, __u32 space)
{
	struct scratch *s = stacks_take(STACKS_WAIT);
	if (!s)
		return;
	__u32 end = walk_user(s, NULL, self, space, waits_wanted.flags, WAKERS_FRAMES_MAX);
	if (end != WALK_NO_REGISTERS && !stacks_send(s, end, &waker->hash, &waker->check))
		waker->hash = 0;
	stacks_release(s);
}

static __always_inline void wakers_fill(struct waker *waker, struct task_struct *self, __u64 off_ns,
					__u64 now_ns, struct pace *pace)
{
	__u32 space = 0;
	waker->start_time_ns = self->start_time;
	waker->tgid = self->tgid;
	waker->tid = self->pid;
	bpf_get_current_comm(waker->comm, sizeof(waker->comm));
	waker->sessions = times_taking(self->tgid, self->pid, &space);
	if (!(waker->sessions & waits_wanted.wakers) || !(waits_wanted.flags & SESSION_USER) ||
	    !pace_takes(waker->drawn - 1, off_ns, pace_period(pace, now_ns)))
		return;
	pace_walked(pace);
	wakers_walk(waker, self, space);
	count_spent(pace_cost(pace, bpf_ktime_get_ns() - now_ns));
}

/* The current thread, or an interrupt, wakes `task`. */
static __always_inline void wakers_wake(const struct task_struct *task)
{
	__u32 zero = 0, slot = noted_slot_of(task);
	const struct noted *entry = bpf_map_lookup_elem(&noted, &slot);
	struct waker *waker = bpf_map_lookup_elem(&wakers, &slot);
	struct pace *pace = bpf_map_lookup_elem(&wakers_pace, &zero);
	if (!entry || !waker || !pace || !(entry->sessions & waits_wanted.wakers))
		return;
	struct task_struct *self = bpf_get_current_task_btf();
	__u64 now_ns = bpf_ktime_get_ns(), since_ns = entry->off_since_ns;
	__u64 off_ns = since_ns && now_ns > since_ns ? now_ns - since_ns : 0;
	waker->drawn = pace_draw(pace) + 1;
	waker->hash = 0;
	waker->tid = 0;
	if (self->pid && !wakers_in_interrupt(self))
		wakers_fill(waker, self, off_ns, now_ns, pace);
}

/* What is known of who woke the thread of a wait; to be asked once a wait. NULL: nothing. */
static __always_inline struct waker *wakers_of(const struct noted *entry, __u32 slot)
{
	if (!(entry->sessions & waits_wanted.wakers))
		return NULL;
	struct waker *waker = bpf_map_lookup_elem(&wakers, &slot);
	return waker && waker->drawn ? waker : NULL;
}

/* `waker` may be NULL. */
static __always_inline void wakers_tell(const struct waker *waker, struct wait_event *event)
{
	event->waker_tid = 0;
	event->waker_hash = 0;
	if (!waker || !waker->tid || event->state == WAIT_RUNNABLE ||
	    event->state == WAIT_THROTTLED)
		return;
	event->waker_hash = waker->hash;
	event->waker_check = waker->check;
	event->waker_start_time_ns = waker->start_time_ns;
	event->waker_tgid = waker->tgid;
	event->waker_tid = waker->tid;
	__builtin_memcpy(event->waker_comm, waker->comm, COMM_BYTES);
}
