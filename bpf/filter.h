/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who is sampled by whom: see struct filter. Changed in place and by atomics only, by the life
 * programs and by filter_apply (for the broker): a whole entry written anew from user space could
 * undo an exec that came in between. */
#pragma once

#include "bpf/maps.h"

enum filter_verdict {
	FILTER_ELSEWHERE,
	FILTER_HELD,
	FILTER_TAKE,
};

/* Sessions that there are: bits of others mean nothing, and are not handed on by fork and exec. So,
 * once a session is none of them and what ran then has ended, its bits can be taken out of all
 * entries while processes fork. The broker's. */
__u64 filter_live = 0;

/* Processes that ended of late, each at its number: the engine, which has yet to hear of it, may
 * still tell which space one has. An entry made then would stay for good. */
enum {
	FILTER_GONE = 4096
};
__u32 filter_gone[FILTER_GONE] = {};

static __always_inline __u32 *filter_gone_at(__u32 tgid)
{
	return &filter_gone[tgid & (FILTER_GONE - 1)];
}

/* Sessions that take everything. */
static __always_inline __u64 filter_everything(void)
{
	__u32 zero = 0;
	__u64 *bits = bpf_map_lookup_elem(&everything, &zero);
	return bits ? *bits & filter_live : 0;
}

static __always_inline bool filter_thread(__u32 tid, __u64 bit)
{
	__u64 *bits = bpf_map_lookup_elem(&threads, &tid);
	return bits && (*bits & bit);
}

/* What `session` does with the current thread; *space: of its process. */
static __always_inline enum filter_verdict filter_judge(__u64 session, __u32 *space)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	__u32 tid = pid_tgid, tgid = pid_tgid >> 32;
	__u64 bit = 1ull << session;
	*space = 0;
	if (!tid || !(filter_live & bit))
		return FILTER_ELSEWHERE; /* idle */
	struct filter *entry = bpf_map_lookup_elem(&filter, &tgid);
	if (entry)
		*space = entry->space;
	if (filter_everything() & bit)
		return FILTER_TAKE;
	if (!entry || ((entry->threads & bit) && !filter_thread(tid, bit)))
		return FILTER_ELSEWHERE;
	if (entry->held & bit)
		return FILTER_HELD;
	return entry->take & bit ? FILTER_TAKE : FILTER_ELSEWHERE;
}

/* ---- for the broker */

/* The entry of a process, made when there is none. */
static __always_inline struct filter *filter_entry(__u32 tgid)
{
	struct filter *entry = bpf_map_lookup_elem(&filter, &tgid);
	if (entry)
		return entry;
	struct filter empty = {};
	bpf_map_update_elem(&filter, &tgid, &empty, BPF_NOEXIST);
	return bpf_map_lookup_elem(&filter, &tgid);
}

static __always_inline void filter_set_flags(struct filter *entry, __u32 flags, __u64 bit)
{
	if (flags & FILTER_CHILDREN)
		__sync_fetch_and_or(&entry->children, bit);
	if (flags & FILTER_THREADS)
		__sync_fetch_and_or(&entry->threads, bit);
	if (flags & FILTER_ON_EXEC)
		__sync_fetch_and_or(&entry->on_exec, bit);
	else
		__sync_fetch_and_or(&entry->take, bit);
}

static __always_inline int filter_take(const struct filter_change *change, __u64 bit)
{
	struct filter *entry = filter_entry(change->id);
	if (!entry)
		return -ENOSPC;
	__sync_fetch_and_or(&entry->keep, bit);
	filter_set_flags(entry, change->flags, bit);
	return 0;
}

/* Before the judgement of its image. Returns the number of execs, which the judgement is for. */
static __always_inline int filter_hold(const struct filter_change *change, __u64 bit)
{
	__u32 tgid = change->id;
	bool again = change->flags & FILTER_AGAIN;
	struct filter *entry = again ? bpf_map_lookup_elem(&filter, &tgid) : filter_entry(tgid);
	if (!entry)
		return again ? -ESRCH : -ENOSPC;
	if (again && !((entry->take | entry->held | entry->on_exec) & bit))
		return -ESRCH;
	__sync_fetch_and_or(&entry->held, bit);
	return entry->execs & 0x7fffffff;
}

/* After it. The bit of `take` is set under that of `held`, and an exec counts before it looks at
 * `take` (life_exec): whichever comes first, no tick of a new image finds it taken. */
static __always_inline int filter_release(const struct filter_change *change, __u64 bit)
{
	__u32 tgid = change->id;
	struct filter *entry = bpf_map_lookup_elem(&filter, &tgid);
	if (!entry || !(entry->held & bit))
		return -ESRCH;
	filter_set_flags(entry, change->flags, bit);
	if ((entry->execs & 0x7fffffff) != change->execs) {
		__sync_fetch_and_and(&entry->take, ~bit);
		return -EAGAIN;
	}
	__sync_fetch_and_and(&entry->held, ~bit);
	if ((entry->execs & 0x7fffffff) == change->execs)
		return 0;
	/* One came just now and may have told nobody, for it was neither taken nor held. */
	__sync_fetch_and_or(&entry->held, bit);
	__sync_fetch_and_and(&entry->take, ~bit);
	return -EAGAIN;
}

static __always_inline int filter_take_thread(__u32 tid, __u64 bit)
{
	__u64 none = 0;
	bpf_map_update_elem(&threads, &tid, &none, BPF_NOEXIST);
	__u64 *bits = bpf_map_lookup_elem(&threads, &tid);
	if (!bits)
		return -ENOSPC;
	__sync_fetch_and_or(bits, bit);
	return 0;
}

static __always_inline int filter_set_space(const struct filter_change *change)
{
	__u32 tgid = change->id;
	struct filter *entry =
		filter_everything() ? filter_entry(tgid) : bpf_map_lookup_elem(&filter, &tgid);
	if (!entry)
		return -ENOENT;
	entry->space = change->space;
	/* Its exit says so before it looks for an entry: one of both sees the other. */
	if (*filter_gone_at(tgid) != tgid)
		return 0;
	bpf_map_delete_elem(&filter, &tgid);
	return -ENOENT;
}

/* 1: it had the bit. */
static __always_inline int filter_drop(__u32 tgid, __u64 bit)
{
	struct filter *entry = bpf_map_lookup_elem(&filter, &tgid);
	if (!entry)
		return 0;
	bool had = (entry->take | entry->held | entry->on_exec) & bit;
	__sync_fetch_and_and(&entry->children, ~bit); /* first, so that no child gets the rest */
	__sync_fetch_and_and(&entry->on_exec, ~bit);
	__sync_fetch_and_and(&entry->take, ~bit);
	__sync_fetch_and_and(&entry->held, ~bit);
	__sync_fetch_and_and(&entry->keep, ~bit);
	__sync_fetch_and_and(&entry->threads, ~bit);
	if (!(entry->take | entry->held | entry->on_exec) && !filter_everything())
		bpf_map_delete_elem(&filter, &tgid);
	return had;
}

static __always_inline int filter_drop_thread(__u32 tid, __u64 bit)
{
	__u64 *bits = bpf_map_lookup_elem(&threads, &tid);
	if (!bits)
		return 0;
	bool had = *bits & bit;
	__sync_fetch_and_and(bits, ~bit);
	if (!*bits)
		bpf_map_delete_elem(&threads, &tid);
	return had;
}
