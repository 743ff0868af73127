/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Exact times of threads, by the kernel's own accounting: read for all threads when a recording
 * begins and ends, and for a thread that ends meanwhile, at its last switch, when its account is
 * complete. Nothing is done at any other switch. */
#pragma once

#include "bpf/count.h"
#include "bpf/filter.h"

/* Sessions that a thread belongs to. `on_exec`: also those that wait for its exec. */
static __always_inline __u64 times_sessions(__u32 tgid, __u32 tid, bool on_exec)
{
	__u64 bits = filter_everything();
	struct filter *entry = bpf_map_lookup_elem(&filter, &tgid);
	if (!entry)
		return bits;
	__u64 *named = bpf_map_lookup_elem(&threads, &tid);
	__u64 taken = entry->take | entry->held | (on_exec ? entry->on_exec : 0);
	return bits | (taken & (~entry->threads | (named ? *named : 0)));
}

static __always_inline void times_read(struct task_struct *task, __u64 sessions,
				       struct thread_times *times)
{
	times->time_ns = bpf_ktime_get_ns();
	times->start_time_ns = task->start_time;
	times->oncpu_ns = task->se.sum_exec_runtime;
	times->runnable_ns =
		bpf_core_field_exists(task->sched_info.run_delay) ? task->sched_info.run_delay : 0;
	times->sessions = sessions;
	times->tgid = task->tgid;
	times->tid = task->pid;
	times->off_ns = times->off_since_ns = 0;
	times->state = times->pad = 0;
	bpf_probe_read_kernel(times->comm, sizeof(times->comm), task->comm);
}

/* Set while sampler_switch is attached, which empties `ending`. */
bool timing = false;

/* At exit, when the filter still knows the process: remembered until the last switch. */
static __always_inline void times_exit(struct task_struct *task)
{
	__u32 tid = task->pid;
	__u64 bits = timing ? times_sessions(task->tgid, tid, false) : 0;
	if (bits && bpf_map_update_elem(&ending, &tid, &bits, BPF_ANY))
		count(COUNTER_THREADS_FULL);
}

/* The switch away from a dead thread. */
static __always_inline void times_last_switch(struct task_struct *task)
{
	__u32 tid = task->pid;
	__u64 *bits = bpf_map_lookup_elem(&ending, &tid);
	if (!bits)
		return;
	struct thread_event *event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
	if (event) {
		event->event.kind = EVENT_THREAD;
		event->event.bytes = sizeof(*event);
		times_read(task, *bits, &event->thread);
		bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	} else {
		count(COUNTER_RING_FULL_LIFE);
	}
	bpf_map_delete_elem(&ending, &tid);
}
