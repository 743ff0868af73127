/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Fork, exec and exit: the filter follows them at once, in the kernel, so that nothing of a child
 * is missed and nothing of a new image is sampled before it was judged; the engine is told. */
#pragma once

#include "bpf/count.h"
#include "bpf/filter.h"

enum {
	LIFE_WAKE_NS = 100000000,
	LIFE_WAKE_MANY_NS = 20000000,
	LIFE_WAKE_NEW_NS = 2000000,
	LIFE_EXECS = 32, /* may map enough to fill half of a side-band's ring */
	LIFE_MET_BITS = 8,
};

/* Programs that were executed, by hash. One that takes another's place costs a wake-up. Emptied by
 * the broker when a session begins to take everything. */
__u64 life_met[1 << LIFE_MET_BITS] = {};

/* The engine has to open a program that it does not know while its process is there. */
static __always_inline void life_meet(const struct linux_binprm *program)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct cpu_counters *row = bpf_map_lookup_elem(&counters, &cpu);
	const struct inode *inode = program->file->f_inode;
	__u64 hash = (__u64)inode->i_sb->s_dev << 32 | inode->i_generation;
	hash = (hash * 0x9e3779b97f4a7c15ull ^ inode->i_ino) * 0x9e3779b97f4a7c15ull;
	__u64 *met = &life_met[hash >> (64 - LIFE_MET_BITS)];
	if (!row || *met == hash)
		return;
	*met = hash;
	row->exec_new = 1;
}

/* The engine is woken: an exec waits for its judgement, and all need new mappings. Sessions that
 * take everything judge nobody, and forks and exits bring no mappings: for them, execs wake it, but
 * not each of a storm, where a wake-up costs more than all the rest here: soon after a new program,
 * or many, and else not more often than it drains anyway. */
static __always_inline __u64 life_ring_flags(enum event_kind kind, __u64 for_sessions, __u64 now_ns)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct cpu_counters *row = bpf_map_lookup_elem(&counters, &cpu);
	if (for_sessions & ~filter_everything())
		return BPF_RB_FORCE_WAKEUP;
	if (kind != EVENT_EXEC || !row)
		return count_ring_flags();
	__u64 pause_ns = ++row->execs >= LIFE_EXECS ? LIFE_WAKE_MANY_NS : LIFE_WAKE_NS;
	__u64 flags = count_ring_flags_soon(now_ns, row->exec_new ? LIFE_WAKE_NEW_NS : pause_ns);
	if (flags == BPF_RB_FORCE_WAKEUP)
		row->exec_new = row->execs = 0;
	return flags;
}

static __always_inline void life_send(enum event_kind kind, struct task_struct *task,
				      __u64 for_sessions, __u32 parent, __u32 space,
				      __u32 exit_code)
{
	struct life_event *event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
	if (!event) {
		count(COUNTER_RING_FULL_LIFE);
		return;
	}
	event->event.kind = kind;
	event->event.bytes = sizeof(*event);
	event->time_ns = bpf_ktime_get_ns();
	event->sessions = for_sessions;
	event->tgid = task->tgid;
	event->parent = parent;
	event->space = space;
	event->exit_code = exit_code;
	event->start_time_ns = task->start_time;
	bpf_probe_read_kernel(event->comm, sizeof(event->comm), task->comm);
	bpf_ringbuf_submit(event, life_ring_flags(kind, for_sessions, event->time_ns));
}

static __always_inline void life_fork(struct task_struct *parent, struct task_struct *child)
{
	__u32 parent_tgid = parent->tgid, tgid = child->tgid;
	if (tgid == parent_tgid)
		return; /* a thread */
	if (*filter_gone_at(tgid) == tgid)
		*filter_gone_at(tgid) = 0;
	__u64 every = filter_everything();
	struct filter *entry = bpf_map_lookup_elem(&filter, &parent_tgid);
	struct filter inherited = {};
	if (entry) {
		/* -t names threads of one process: nothing of it is for a child. */
		__u64 bits = entry->children & ~entry->threads & filter_live;
		inherited.take = entry->take & bits;
		inherited.held = entry->held & bits;
		inherited.keep = entry->keep & bits;
		inherited.on_exec = entry->on_exec & bits;
		inherited.children = bits;
		inherited.space = entry->space;
	}
	__u64 bits = inherited.take | inherited.held | inherited.on_exec;
	if (!bits && !every)
		return;
	if ((bits || inherited.space) && bpf_map_update_elem(&filter, &tgid, &inherited, BPF_ANY))
		count(COUNTER_FILTER_FULL);
	life_send(EVENT_FORK, child, bits | every, parent_tgid, inherited.space,
		  inherited.held != 0);
}

static __always_inline void life_exec(struct task_struct *task, __u32 old_tid,
				      const struct linux_binprm *program)
{
	__u32 tid = task->pid, tgid = task->tgid, space = 0;
	__u64 bits = filter_everything();
	if (bits)
		life_meet(program);
	struct filter *entry = bpf_map_lookup_elem(&filter, &tgid);
	if (entry) {
		/* A session that may not keep it holds it, until it was judged anew. First the
		 * count, which filter_release() relies on. */
		__sync_fetch_and_add(&entry->execs, 1);
		__u64 held = (entry->take | entry->on_exec) & ~entry->keep & filter_live;
		__u64 take = entry->on_exec & entry->keep & filter_live;
		space = entry->space;
		entry->space = 0;
		__sync_fetch_and_or(&entry->held, held);
		__sync_fetch_and_and(&entry->take, ~held);
		__sync_fetch_and_or(&entry->take, take);
		entry->on_exec = 0;
		bits |= entry->take | entry->held;
	}
	if (old_tid != tid) { /* the thread that called exec became the leader */
		__u64 *named = bpf_map_lookup_elem(&threads, &old_tid);
		if (named) {
			bpf_map_update_elem(&threads, &tid, named, BPF_ANY);
			bpf_map_delete_elem(&threads, &old_tid);
		}
	}
	if (bits)
		life_send(EVENT_EXEC, task, bits, 0, space, 0);
}

/* As wait(2) will have it. */
static __always_inline __u32 life_exit_code(struct task_struct *task)
{
	struct signal_struct *signal = task->signal;
	return signal->flags & KERNEL_SIGNAL_GROUP_EXIT ? signal->group_exit_code
							: task->group_leader->exit_code;
}

static __always_inline void life_exit(struct task_struct *task)
{
	__u32 tid = task->pid, tgid = task->tgid;
	bpf_map_delete_elem(&threads, &tid); /* tids are used again */
	/* Every thread takes itself out of `live` before it comes here. Two last threads may both
	 * see 0: who deletes the entry tells. */
	if (task->signal->live.counter)
		return;
	*filter_gone_at(tgid) = tgid;
	__u64 bits = filter_everything();
	__u32 space = 0;
	struct filter *entry = bpf_map_lookup_elem(&filter, &tgid);
	if (entry) {
		bits |= entry->take | entry->held;
		space = entry->space;
		if (bpf_map_delete_elem(&filter, &tgid))
			return;
	}
	if (bits)
		life_send(EVENT_EXIT, task, bits, 0, space, life_exit_code(task));
}
