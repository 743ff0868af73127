/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Exact times of threads: on the CPU and runnable by the kernel's own accounting, off the CPU by
 * the switches (noted.h). Read for all threads when a recording begins and ends, and for a thread
 * that ends meanwhile, at its last switch, when its account is complete. */
#pragma once

#include "bpf/noted.h"

/* Sessions that a thread belongs to. `on_exec`: also those that wait for its exec. */
static __always_inline __u64 times_sessions(__u32 tgid, __u32 tid, bool on_exec)
{
	__u64 bits = filter_everything();
	struct filter *entry = bpf_map_lookup_elem(&filter, &tgid);
	if (!entry)
		return bits;
	__u64 *named = bpf_map_lookup_elem(&threads, &tid);
	__u64 taken = entry->take | entry->held | (on_exec ? entry->on_exec : 0);
	return bits | (taken & filter_live & (~entry->threads | (named ? *named : 0)));
}

/* Those of them that may see its stacks now; *space: of its process. */
static __always_inline __u64 times_taking(__u32 tgid, __u32 tid, __u32 *space)
{
	__u64 bits = filter_everything();
	struct filter *entry = bpf_map_lookup_elem(&filter, &tgid);
	if (!entry)
		return bits;
	__u64 *named = bpf_map_lookup_elem(&threads, &tid);
	*space = entry->space;
	__u64 taken = entry->take & ~entry->held & filter_live;
	return bits | (taken & (~entry->threads | (named ? *named : 0)));
}

static __always_inline void times_read(struct task_struct *task, const struct noted *entry,
				       __u64 sessions, struct thread_times *times)
{
	times->time_ns = bpf_ktime_get_ns();
	times->start_time_ns = task->start_time;
	times->oncpu_ns = task->se.sum_exec_runtime;
	times->runnable_ns = noted_run_delay(task);
	times->sessions = sessions;
	times->tgid = task->tgid;
	times->tid = task->pid;
	times->off_ns = times->off_since_ns = 0;
	times->state = WAIT_RUNNING;
	times->noted = entry != NULL;
	bpf_probe_read_kernel(times->comm, sizeof(times->comm), task->comm);
	if (entry)
		noted_read(entry, times);
}

static __always_inline void times_birth(struct task_struct *task)
{
	if (timing)
		noted_birth(task, times_sessions(task->tgid, task->pid, true));
}

/* At exit, when the filter still knows the process: its sessions are remembered until the last
 * switch. */
static __always_inline void times_exit(struct task_struct *task)
{
	__u32 space;
	__u64 bits = times_sessions(task->tgid, task->pid, false);
	__u64 waiting = times_taking(task->tgid, task->pid, &space);
	struct noted *entry = noted_find(task);
	if (!bits) {
		if (entry)
			noted_forget(task);
		return;
	}
	if (entry) {
		entry->sessions = bits;
		entry->waiting = waiting;
		entry->ended = NOTED_ENDED;
		return;
	}
	struct noted fresh = {.sessions = bits, .waiting = waiting, .ended = NOTED_ENDED_UNKNOWN};
	if (!noted_insert(task, &fresh))
		count(COUNTER_THREADS_FULL);
}

/* The switch away from a dead thread. */
static __always_inline void times_last_switch(struct task_struct *task, const struct noted *entry)
{
	struct thread_event *event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
	if (event) {
		event->event.kind = EVENT_THREAD;
		event->event.bytes = sizeof(*event);
		times_read(task, entry->ended == NOTED_ENDED_UNKNOWN ? NULL : entry,
			   entry->sessions, &event->thread);
		bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	} else {
		count(COUNTER_RING_FULL_LIFE);
	}
	noted_forget(task);
}
