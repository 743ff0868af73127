/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Threads whose switches are followed: those of sessions that read times. An entry is made when a
 * thread is born, or when the threads are read for a session that begins, and goes at the thread's
 * last switch, or with the last such session. The key is the task's address: a thread keeps it
 * through an exec that gives it another tid.
 *
 * Every switch of the host looks for two threads, so the table is our own, and is searched without
 * a call: of a bucket, which is a line of the cache, all keys are compared. One that is full says
 * so, and then the other bucket of the key is searched, too. */
#pragma once

#include "bpf/count.h"
#include "bpf/filter.h"

enum {
	NOTED_BITS = TYPES_ENTRIES(12, 4), /* of the number of a bucket: 28,672 threads */
	NOTED_BUCKETS = 1 << NOTED_BITS,
	NOTED_WAYS = 7,
	NOTED_SLOTS = NOTED_BUCKETS * NOTED_WAYS,
	NOTED_TRIES = 4,
	NOTED_CLAIMED = 1, /* as a key: its entry is being written */
};

#define NOTED_FIRST (~0ull) /* as first_off_ns: it lasts */

enum noted_ended {
	NOTED_ENDED = 1,
	NOTED_ENDED_UNKNOWN, /* and it had no entry before */
};

struct noted_bucket {
	__u64 key[NOTED_WAYS]; /* 0: free */
	__u64 overflowed;      /* some of its threads are in their other bucket */
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
	__u16 ended;	    /* enum noted_ended */
	__u64 first_off_ns; /* of the interval that was under way when it was noted, once that has
			     * ended, till the thread leaves the CPU; or NOTED_FIRST */
	__u64 before_ns;    /* of run_delay, what of that interval lay before */
};
TYPES_ASSERT_SIZE(struct noted, 64);

MAPS_ARRAY(noted_buckets, struct noted_bucket, NOTED_BUCKETS, 0);
MAPS_ARRAY(noted, struct noted, NOTED_SLOTS, 0);

/* Sessions that read times: while there are any, sampler_switch is attached. The broker's. */
__u64 timing = 0;

#define NOTED_BARRIER() __asm__ volatile("" ::: "memory")

/* The task's address, less that of something that stays: the verifier lets us count with the
 * difference of two pointers only. */
static __always_inline __u64 noted_key(const struct task_struct *task)
{
	__asm__ volatile("" : "+r"(task)); /* a pointer still, not a number that equals it */
	__u64 key = (__u64)task - (__u64)&timing;
	__asm__ volatile("" : "+r"(key));
	return key;
}

/* Where the key goes: the first bucket, and the other. */
static __always_inline __u64 noted_hash(__u64 key)
{
	return key * 0x9e3779b97f4a7c15ull;
}
static __always_inline __u32 noted_first(__u64 hash)
{
	return hash >> (64 - NOTED_BITS);
}
static __always_inline __u32 noted_other(__u64 hash)
{
	__u32 apart = hash >> (64 - 2 * NOTED_BITS) & (NOTED_BUCKETS - 1);
	return noted_first(hash) ^ (apart | 1);
}

/* Number of the slot of the bucket that holds the key, or NOTED_SLOTS. */
static __always_inline __u32 noted_slot(const struct noted_bucket *bucket, __u32 number, __u64 key)
{
#pragma unroll
	for (int i = 0; i < NOTED_WAYS; i++)
		if (bucket->key[i] == key)
			return number * NOTED_WAYS + i;
	return NOTED_SLOTS;
}

/* Number of the slot that holds the task's entry; NOTED_SLOTS: there is none. */
static __always_inline __u32 noted_slot_of(const struct task_struct *task)
{
	__u64 key = noted_key(task), hash = noted_hash(key);
	__u32 number = noted_first(hash);
	const struct noted_bucket *bucket = bpf_map_lookup_elem(&noted_buckets, &number);
	if (!bucket)
		return NOTED_SLOTS;
	__u32 slot = noted_slot(bucket, number, key);
	if (slot != NOTED_SLOTS || !bucket->overflowed)
		return slot;
	number = noted_other(hash);
	bucket = bpf_map_lookup_elem(&noted_buckets, &number);
	return bucket ? noted_slot(bucket, number, key) : NOTED_SLOTS;
}

static __always_inline struct noted *noted_find(const struct task_struct *task)
{
	__u32 slot = noted_slot_of(task);
	return slot == NOTED_SLOTS ? NULL : bpf_map_lookup_elem(&noted, &slot);
}

/* Two programs that note a thread at the same time may both have: all of its entries go. */
static __always_inline void noted_clear(__u32 number, __u64 key)
{
	struct noted_bucket *bucket = bpf_map_lookup_elem(&noted_buckets, &number);
	if (!bucket)
		return;
#pragma unroll
	for (int i = 0; i < NOTED_WAYS; i++)
		if (bucket->key[i] == key)
			bucket->key[i] = 0;
}

static __always_inline void noted_forget(const struct task_struct *task)
{
	__u64 key = noted_key(task), hash = noted_hash(key);
	noted_clear(noted_first(hash), key);
	noted_clear(noted_other(hash), key);
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

/* Claims a free slot of the bucket for the key; who looks for it finds it only when it is whole.
 * False: there is none. */
static __always_inline bool noted_put(__u32 number, __u64 key, const struct noted *from)
{
	struct noted_bucket *bucket = bpf_map_lookup_elem(&noted_buckets, &number);
	if (!bucket)
		return false;
	for (int i = 0; i < NOTED_WAYS; i++) {
		__u32 slot = number * NOTED_WAYS + i;
		if (bucket->key[i] ||
		    __sync_val_compare_and_swap(&bucket->key[i], 0, NOTED_CLAIMED))
			continue;
		struct noted *entry = bpf_map_lookup_elem(&noted, &slot);
		if (entry)
			*entry = *from;
		NOTED_BARRIER();
		bucket->key[i] = key;
		return true;
	}
	bucket->overflowed = 1;
	return false;
}

/* False: it did not fit; its times will be told without those of switches (thread_times, noted). */
static __always_inline bool noted_insert(const struct task_struct *task, const struct noted *from)
{
	__u64 key = noted_key(task), hash = noted_hash(key);
	return noted_put(noted_first(hash), key, from) || noted_put(noted_other(hash), key, from);
}

/* A new thread, which has not run yet. What there was under its address is long gone. */
static __always_inline void noted_birth(const struct task_struct *task, __u64 sessions)
{
	struct noted entry = {
		.sessions = sessions,
		.off_since_ns = bpf_ktime_get_ns(),
		.state = WAIT_RUNNABLE,
	};
	if (!(sessions & timing))
		return;
	noted_forget(task);
	noted_insert(task, &entry);
}

/* Makes the entry say whether the thread is on a CPU, while it may be switching. A switch that
 * comes between leaves a wrong one at worst until the next; what that takes for time off the CPU
 * is taken off again by its reader, for whom blocked is what nothing else is. */
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
	if (!task->on_cpu) {
		fresh.off_since_ns = now_ns;
		fresh.first_off_ns = NOTED_FIRST;
	}
	if (!noted_insert(task, &fresh))
		return NULL;
	entry = noted_find(task);
	if (!entry)
		return NULL;
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

/* What of the kernel's run_delay is a wait from before the thread was noted, which it accounts for
 * as the wait ends. */
static __always_inline __u64 noted_before(const struct noted *entry, __u64 run_delay_ns)
{
	__u64 first = entry->first_off_ns, more = run_delay_ns - entry->run_delay_ns;
	if (!first || first == NOTED_FIRST || (__s64)more < 0 || more < first)
		return entry->before_ns;
	return entry->before_ns + more - first;
}

static __always_inline void noted_leave(struct noted *entry, const struct task_struct *task,
					__u32 state, __u64 now_ns)
{
	__u64 since = entry->off_since_ns;
	entry->switches |= 1;
	NOTED_BARRIER();
	if (since && now_ns > since) /* nothing told of its return, and it cannot have run long */
		entry->off_ns += now_ns - since;
	entry->state = state;
	__u64 run_delay_ns = noted_run_delay(task);
	if (entry->first_off_ns) {
		entry->before_ns = noted_before(entry, run_delay_ns);
		entry->first_off_ns = 0;
	}
	entry->run_delay_ns = run_delay_ns;
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
	if (entry->first_off_ns)
		entry->first_off_ns = off_ns;
	NOTED_BARRIER();
	entry->switches++;
	return off_ns;
}

/* False: it was being changed meanwhile. */
static __always_inline bool noted_copy(const struct noted *entry, struct thread_times *times,
				       __u64 *before_ns)
{
	__u32 switches = *(const volatile __u32 *)&entry->switches;
	NOTED_BARRIER();
	times->off_ns = entry->off_ns;
	times->off_since_ns = entry->off_since_ns;
	times->state = times->off_since_ns ? entry->state : WAIT_RUNNING;
	*before_ns = noted_before(entry, times->runnable_ns);
	NOTED_BARRIER();
	return !(switches & 1) && switches == *(const volatile __u32 *)&entry->switches;
}

/* Off-CPU time up to now, with the interval under way; and runnable_ns, which is the kernel's
 * run_delay, without what lay before. */
static __always_inline void noted_read(const struct noted *entry, struct thread_times *times)
{
	/* No loop: clang lays it out with a way back that is no jump, which Linux 6.1 refuses. */
	__u64 before_ns = 0;
	(void)(noted_copy(entry, times, &before_ns) || noted_copy(entry, times, &before_ns) ||
	       noted_copy(entry, times, &before_ns) || noted_copy(entry, times, &before_ns));
	times->runnable_ns -= before_ns < times->runnable_ns ? before_ns : times->runnable_ns;
	if (times->off_since_ns && times->time_ns > times->off_since_ns)
		times->off_ns += times->time_ns - times->off_since_ns;
}

/* ---- the end of a session, which reads times no more. ~0: of all that do. */
struct noted_drop {
	__u64 sessions;
};

static long noted_drop_bucket(__u32 number, void *data)
{
	const struct noted_drop *drop = data;
	struct noted_bucket *bucket = bpf_map_lookup_elem(&noted_buckets, &number);
	if (!bucket)
		return 1;
	for (int i = 0; i < NOTED_WAYS; i++) {
		__u32 slot = number * NOTED_WAYS + i;
		struct noted *entry = bpf_map_lookup_elem(&noted, &slot);
		if (!entry || bucket->key[i] <= NOTED_CLAIMED)
			continue;
		__sync_fetch_and_and(&entry->sessions, ~drop->sessions);
		if (!(entry->sessions & timing))
			bucket->key[i] = 0;
	}
	if (!timing)
		bucket->overflowed = 0;
	return 0;
}

static __always_inline void noted_drop(__u64 sessions)
{
	struct noted_drop drop = {sessions};
	bpf_loop(NOTED_BUCKETS, noted_drop_bucket, &drop, 0);
}
