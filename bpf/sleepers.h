/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Threads that are off the CPU, with a copy of their stack: what the switches say nothing of. A
 * program that may sleep reads another process's memory, so the walk is the engine's. */
#pragma once

#include "bpf/registers.h"
#include "bpf/times.h"

enum {
	SLEEPERS_PAGE = 4096,
	SLEEPERS_PAGES = SLEEPER_STACK_MAX / SLEEPERS_PAGE,
	SLEEPERS_TRIES = 4,
};

/* Where no process has memory: to read there is to wait for the mappings' lock, and no more. */
#define SLEEPERS_NOWHERE ((const void *)-SLEEPERS_PAGE)

/* One iterator at a time: the engine reads one after the other. */
struct sleepers_room {
	__u32 busy;
	__u32 n_kernel;
	struct pt_regs registers;
	struct unwind_state at;
	struct sleeper record; /* with room for SLEEPER_STACK_MAX */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct sleepers_room) + SLEEPER_STACK_MAX);
	__uint(max_entries, 1);
} sleepers SEC(".maps");

/* The session that the look is for. The broker's. */
__u64 sleepers_of = 0;

/* How often it was switched away from: the same before and after, it slept in between. */
static __always_inline __u64 sleepers_switches(const struct task_struct *task)
{
	return task->nvcsw + task->nivcsw;
}

/* Where a stack may be read up to. Reading faults pages in, and waits for them: memory of a file
 * can be served by a user's program that never answers, and so can memory that userfaultfd(2)
 * watches. Stacks are in neither. */
static long sleepers_mapping(struct task_struct *task, struct vm_area_struct *vma, void *context)
{
	__u64 *end = context;
	if (!vma->vm_file && !(vma->vm_flags & KERNEL_VM_NOT_STACK))
		*end = vma->vm_end;
	return 0;
}

/* As much as there is, up to the end of its mapping. False: a thread of its process changes the
 * mappings, and bpf_find_vma() does not wait for it; it was waited for here. */
static __always_inline bool sleepers_stack(struct sleepers_room *room, struct task_struct *task,
					   __u64 sp)
{
	__u8 *to = room->record.stack;
	__u64 end = 0;
	if (bpf_find_vma(task, sp, sleepers_mapping, &end, 0) == -EBUSY) {
		bpf_copy_from_user_task(to, 1, SLEEPERS_NOWHERE, task, 0);
		return false;
	}
	__u32 n = 0, part = SLEEPERS_PAGE - (sp & (SLEEPERS_PAGE - 1));
	for (int i = 0; i < SLEEPERS_PAGES && n <= SLEEPER_STACK_MAX - SLEEPERS_PAGE; i++) {
		if (sp + n + part > end ||
		    bpf_copy_from_user_task(to + n, part, (const void *)(sp + n), task, 0))
			break;
		n += part;
		part = SLEEPERS_PAGE;
	}
	room->record.n_stack = n;
	return true;
}

/* False: to be tried again. */
static __always_inline bool sleepers_user(struct sleepers_room *room, struct task_struct *task)
{
	struct sleeper *record = &room->record;
	bool is_32bit = false;
	record->pc = record->n_stack = record->is_32bit = record->flags = 0;
	if (!registers_read(NULL, task, &room->registers, &room->at, &is_32bit))
		return true;
	record->pc = room->at.pc;
	record->flags = room->at.flags;
	record->is_32bit = is_32bit;
	__builtin_memcpy(record->reg, room->at.reg, sizeof(record->reg));
	return is_32bit || sleepers_stack(room, task, room->at.reg[UNWIND_RSP]);
}

static long sleepers_kernel_frame(__u32 i, void *data)
{
	struct sleepers_room *room = *(struct sleepers_room **)data;
	if (i >= room->n_kernel || i >= KERNEL_FRAMES_MAX)
		return 1;
	room->record.kernel[i] -= stext;
	return 0;
}

static __always_inline void sleepers_kernel(struct sleepers_room *room, struct task_struct *task)
{
	struct sleeper *record = &room->record;
	long bytes = bpf_get_task_stack(task, record->kernel, sizeof(record->kernel), 0);
	room->n_kernel = record->n_kernel = bytes > 0 ? bytes / sizeof(record->kernel[0]) : 0;
	bpf_loop(KERNEL_FRAMES_MAX, sleepers_kernel_frame, &room, 0);
}

static __always_inline void sleepers_thread(struct sleepers_room *room, struct task_struct *task,
					    __u64 sessions)
{
	struct thread_times *thread = &room->record.thread;
	const struct noted *entry = sessions & timing ? noted_seed(task, sessions) : NULL;
	times_read(task, entry, sessions, thread);
	if (thread->off_since_ns)
		return;
	thread->off_since_ns = thread->time_ns; /* from now on, as far as is known */
	thread->state = noted_state(task, false, task->__state);
}

/* Fills the record. False: it ran meanwhile, or its stack could not be found. */
static __always_inline bool sleepers_read(struct sleepers_room *room, struct task_struct *task,
					  __u64 sessions)
{
	__u64 switches = sleepers_switches(task);
	if (task->on_cpu)
		return false;
	sleepers_thread(room, task, sessions);
	sleepers_kernel(room, task);
	return sleepers_user(room, task) && !task->on_cpu && switches == sleepers_switches(task);
}

static __always_inline void sleepers_write(struct sleepers_room *room, struct task_struct *task,
					   __u64 sessions, struct seq_file *seq)
{
	bool slept = false;
	for (int i = 0; i < SLEEPERS_TRIES && !slept; i++)
		slept = sleepers_read(room, task, sessions);
	if (!slept) {
		count(COUNTER_SLEEPERS_TORN);
		return;
	}
	__u32 bytes = (sizeof(room->record) + room->record.n_stack + 7) & ~7u;
	if (bytes > sizeof(room->record) + SLEEPER_STACK_MAX)
		return;
	room->record.bytes = bytes;
	bpf_seq_write(seq, &room->record, bytes);
}

static __always_inline void sleepers_task(struct task_struct *task, struct seq_file *seq)
{
	__u32 zero = 0, space = 0;
	if (task->exit_state || task->on_cpu)
		return;
	__u64 sessions = times_taking(task->tgid, task->pid, &space);
	struct sleepers_room *room = bpf_map_lookup_elem(&sleepers, &zero);
	if (!(sessions & sleepers_of) || !room)
		return;
	if (__sync_lock_test_and_set(&room->busy, 1)) {
		count(COUNTER_SLEEPERS_TORN);
		return;
	}
	room->record.space = space;
	sleepers_write(room, task, sessions, seq);
	room->busy = 0;
}
