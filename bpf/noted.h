/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Threads whose switches are followed: those of sessions that read times. An entry is made when a
 * thread is born, or when the threads are read for a session that begins, and goes at the thread's
 * last switch, or with the last such session. The key is the task's address: a thread keeps it
 * through an exec that gives it another tid. */
#pragma once

#include "bpf/count.h"
#include "bpf/filter.h"

enum {
	NOTED_MAX = 32 << 10,
	NOTED_TRIES = 4,
};

struct noted {
	__u64 sessions; /* that it belonged to when last looked at; of one that has ended: for good
			 */
	__u64 waiting;	/* of one that has ended: those that take its waits */
	__u64 off_since_ns; /* 0: on a CPU */
	__u64 off_ns;	    /* in all, of intervals that have ended */
	__u64 run_delay_ns; /* the kernel's, when it left the CPU */
	__u32 switches;	    /* odd while the entry is being changed */
	__u16 state;	    /* enum wait_state, since it left the CPU */
	__u16 ended;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(key_size, sizeof(__u64));
	__uint(value_size, sizeof(struct noted));
	__uint(max_entries, NOTED_MAX);
} noted SEC(".maps");

/* Sessions that read times: while there are any, sampler_switch is attached. The broker's. */
__u64 timing = 0;

#define NOTED_BARRIER() __asm__ volatile("" ::: "memory")

static __always_inline struct noted *noted_find(const struct task_struct *task)
{
	__u64 key = (__u64)task;
	return bpf_map_lookup_elem(&noted, &key);
}

static __always_inline void noted_forget(const struct task_struct *task)
{
	__u64 key = (__u64)task;
	bpf_map_delete_elem(&noted, &key);
}

static __always_inline __u64 noted_run_delay(const struct task_struct *task)
{
	return bpf_core_field_exists(task->sched_info.run_delay) ? task->sched_info.run_delay : 0;
}

static __always_inline bool noted_throttled(const struct task_struct *task)
{
	if (bpf_core_field_exists(task->throttled))
		return task->throttled;
	if (bpf_core_field_exists(task->se.cfs_rq) &&
	    bpf_core_field_exists(struct cfs_rq, throttle_count))
		return task->se.cfs_rq->throttle_count > 0;
	return false;
}

/* `state`: bits of task_struct.__state. */
static __always_inline __u32 noted_state(const struct task_struct *task, bool preempted,
					 __u32 state)
{
	if (preempted || !state || (state & (KERNEL_TASK_NEW | KERNEL_TASK_WAKING)))
		return noted_throttled(task) ? WAIT_THROTTLED : WAIT_RUNNABLE;
	if (state & KERNEL_TASK_TRACED)
		return WAIT_TRACED;
	if (state & KERNEL_TASK_STOPPED)
		return WAIT_STOPPED;
	if (state & (KERNEL_TASK_INTERRUPTIBLE | KERNEL_TASK_NOLOAD | KERNEL_TASK_PARKED))
		return WAIT_SLEEPING;
	return WAIT_DISK;
}

/* ---- entries */

/* False: it did not fit, which is counted. */
static __always_inline bool noted_insert(const struct task_struct *task, const struct noted *from,
					 __u64 flags)
{
	__u64 key = (__u64)task;
	long r = bpf_map_update_elem(&noted, &key, from, flags);
	if (r && r != -EEXIST)
		count(COUNTER_THREADS_FULL);
	return !r;
}

/* A new thread, which has not run yet. What there was under its address is long gone. */
static __always_inline void noted_birth(const struct task_struct *task, __u64 sessions)
{
	struct noted entry = {
		.sessions = sessions,
		.off_since_ns = bpf_ktime_get_ns(),
		.state = WAIT_RUNNABLE,
	};
	if (sessions & timing)
		noted_insert(task, &entry, BPF_ANY);
}

/* Makes the entry say whether the thread is on a CPU, while it may be switching. A switch that
 * comes between leaves a wrong one at worst until the next, which does not believe it. */
static __always_inline void noted_settle(const struct task_struct *task, struct noted *entry,
					 __u64 now_ns)
{
	for (int i = 0; i < NOTED_TRIES; i++) {
		bool on_cpu = task->on_cpu;
		__u64 since = entry->off_since_ns;
		if (on_cpu == !since)
			return;
		if (on_cpu && since != now_ns)
			return; /* it has just left, or is about to run */
		if (!on_cpu)
			entry->state = noted_state(task, false, task->__state);
		__sync_val_compare_and_swap(&entry->off_since_ns, since, on_cpu ? 0 : now_ns);
	}
}

/* A thread that was there before its session, or is taken by one more. */
static __always_inline struct noted *noted_seed(const struct task_struct *task, __u64 sessions)
{
	struct noted *entry = noted_find(task);
	if (entry) {
		if (~entry->sessions & sessions)
			__sync_fetch_and_or(&entry->sessions, sessions);
		return entry;
	}
	struct noted fresh = {
		.sessions = sessions,
		.run_delay_ns = noted_run_delay(task),
		.state = noted_state(task, false, task->__state),
	};
	__u64 now_ns = bpf_ktime_get_ns();
	if (!task->on_cpu)
		fresh.off_since_ns = now_ns;
	bool made = noted_insert(task, &fresh, BPF_NOEXIST);
	entry = noted_find(task);
	if (!made || !entry)
		return entry;
	/* One that ends makes an entry itself where it has none (times_exit): it is gone already.
	 */
	if (task->exit_state && !entry->ended) {
		noted_forget(task);
		return NULL;
	}
	noted_settle(task, entry, now_ns);
	return entry;
}

/* ---- switches */
static __always_inline void noted_leave(struct noted *entry, const struct task_struct *task,
					__u32 state, __u64 now_ns)
{
	entry->switches |= 1;
	NOTED_BARRIER();
	entry->state = state;
	entry->run_delay_ns = noted_run_delay(task);
	entry->off_since_ns = now_ns;
	NOTED_BARRIER();
	entry->switches++;
}

/* How long it was off the CPU; 0: not known. */
static __always_inline __u64 noted_return(struct noted *entry, __u64 now_ns)
{
	__u64 since = entry->off_since_ns;
	if (!since)
		return 0;
	__u64 off_ns = now_ns > since ? now_ns - since : 1;
	entry->switches |= 1;
	NOTED_BARRIER();
	entry->off_ns += off_ns;
	entry->off_since_ns = 0;
	NOTED_BARRIER();
	entry->switches++;
	return off_ns;
}

/* Off-CPU time up to now, with the interval under way. */
static __always_inline void noted_read(const struct noted *entry, struct thread_times *times)
{
	for (int i = 0; i < NOTED_TRIES; i++) {
		__u32 switches = *(const volatile __u32 *)&entry->switches;
		NOTED_BARRIER();
		times->off_ns = entry->off_ns;
		times->off_since_ns = entry->off_since_ns;
		times->state = times->off_since_ns ? entry->state : WAIT_RUNNING;
		NOTED_BARRIER();
		if (!(switches & 1) && switches == *(const volatile __u32 *)&entry->switches)
			break;
	}
	if (times->off_since_ns && times->time_ns > times->off_since_ns)
		times->off_ns += times->time_ns - times->off_since_ns;
}

/* ---- the end of a session, which reads times no more. ~0: of all that do. */
static long noted_drop_one(void *map, const __u64 *key, struct noted *entry, __u64 *sessions)
{
	__sync_fetch_and_and(&entry->sessions, ~*sessions);
	if (!(entry->sessions & timing))
		bpf_map_delete_elem(map, key);
	return 0;
}

static __always_inline void noted_drop(__u64 sessions)
{
	bpf_for_each_map_elem(&noted, noted_drop_one, &sessions, 0);
}
