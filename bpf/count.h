/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counters: every way to lose something, each CPU in its own row, so nothing here is atomic. */
#pragma once

#include "bpf/maps.h"

/* When a program last woke the engine before its time: each wake-up interrupts a CPU and takes
 * another's place, so that a storm of causes, on all CPUs together, wakes it as few times as one.
 */
__u64 count_woken_ns = 0;

static __always_inline void count(enum counter which)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct cpu_counters *row = bpf_map_lookup_elem(&counters, &cpu);
	if (row)
		row->counter[which]++;
}

static __always_inline void count_walk_end(__u32 end)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct cpu_counters *row = bpf_map_lookup_elem(&counters, &cpu);
	if (row && end < WALK_ENDS)
		row->walk_end[end]++;
}

static __always_inline void count_spent(__u64 ns)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct cpu_counters *row = bpf_map_lookup_elem(&counters, &cpu);
	if (row)
		row->spent_ns += ns;
}

/* The row of a session on this CPU. */
static __always_inline struct ticks *count_ticks(__u64 session)
{
	__u32 cpu = bpf_get_smp_processor_id();
	if (session >= SESSIONS_MAX || cpu >= CPUS_MAX)
		return NULL;
	__u32 key = session * CPUS_MAX + cpu;
	return bpf_map_lookup_elem(&ticks, &key);
}

/* How to put an event into the ring: the engine drains on a timer, and is woken early only when
 * much is waiting, since each wake-up interrupts this CPU. */
static __always_inline __u64 count_ring_flags(void)
{
	return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > RING_BYTES / 4 ? BPF_RB_FORCE_WAKEUP
									    : BPF_RB_NO_WAKEUP;
}

/* The same for what it should learn of soon: no sooner than so long after it was woken last. */
static __always_inline __u64 count_ring_flags_soon(__u64 now_ns, __u64 pause_ns)
{
	if (now_ns - count_woken_ns < pause_ns)
		return count_ring_flags();
	count_woken_ns = now_ns;
	return BPF_RB_FORCE_WAKEUP;
}
