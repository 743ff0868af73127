/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The user stack of the current thread. A frame at a time: find the mapping that holds the frame's
 * code, add the frame, step to its caller. Everything between two frames is in scratch memory, of
 * which the verifier assumes nothing, so that it checks one step once. */
#pragma once

#include "bpf/registers.h"
#include "bpf/stacks.h"

#define WALK_ELEMENT(name, type, map)                                                              \
	static __always_inline const struct type *name(__u32 number)                               \
	{                                                                                          \
		return bpf_map_lookup_elem(&map, &number);                                         \
	}
WALK_ELEMENT(unwind_table_at, unwind_table, unwind_tables)
WALK_ELEMENT(unwind_page_at, unwind_page, unwind_pages)
WALK_ELEMENT(unwind_row_at, unwind_row, unwind_rows)
WALK_ELEMENT(unwind_rule_at, unwind_rule, unwind_rules)
#include "bpf/unwind_lookup.h"

/* Number of the mapping that holds `address`, or MAPPINGS_MAX. Not inlined, and global, so that the
 * verifier looks at it once and not after every way a walk can come here. */
__noinline __u32 walk_find_mapping(__u32 first, __u32 n, __u64 address)
{
	__u32 low = 0, high = n;
	for (int i = 0; i < 18 && low < high; i++) { /* 2^17 mappings */
		__u32 middle = low + (high - low) / 2;
		__u32 key = first + middle;
		struct mapping *mapping = bpf_map_lookup_elem(&mappings, &key);
		if (!mapping)
			return MAPPINGS_MAX;
		if (address < mapping->start)
			high = middle;
		else if (address >= mapping->end)
			low = middle + 1;
		else
			return key;
	}
	return MAPPINGS_MAX;
}

/* The instruction that the frame in hand executes: a return address may be the first byte after its
 * function, and after its mapping. */
static __always_inline __u64 walk_address(const struct walk *walk)
{
	return walk->at.flags & FRAME_EXACT ? walk->at.pc : walk->at.pc - 1;
}

/* Makes walk->hit the mapping of the frame in hand. */
static __always_inline void walk_locate(struct walk *walk)
{
	__u64 address = walk_address(walk);
	if (address >= walk->hit.start && address < walk->hit.end)
		return;
	walk->hit.object = 0;
	walk->hit.end = 0;
	__u32 key = walk_find_mapping(walk->range >> 32, walk->range, address);
	struct mapping *mapping = bpf_map_lookup_elem(&mappings, &key);
	if (mapping)
		walk->hit = *mapping;
}

static __always_inline bool walk_push(struct scratch *s)
{
	struct walk *walk = &s->walk;
	struct frame frame = {
		.address = walk->at.pc,
		.object = walk->space,
		.kind = FRAME_RAW,
		.flags = walk->at.flags,
	};
	if (walk->hit.object) {
		frame.address = walk->at.pc - walk->hit.start + walk->hit.offset;
		frame.object = walk->hit.object;
		frame.kind = FRAME_FILE;
	}
	return stacks_push(s, &frame);
}

/* A leaf in a system call that has no row: glibc's clone and clone3 end their FDE there, since it
 * would be wrong in the child. Such a stub has nothing on the stack but its return address. False:
 * what lies there is none. */
static __always_inline bool walk_step_stub(struct walk *walk)
{
	__u64 pc;
	if (unwind_read(&pc, sizeof(pc), walk->at.reg[UNWIND_RSP]) ||
	    walk_find_mapping(walk->range >> 32, walk->range, pc - 1) == MAPPINGS_MAX)
		return false;
	walk->at.pc = pc;
	walk->at.reg[UNWIND_RSP] += sizeof(pc);
	return true;
}

/* To the caller: by a rule, or where there is none by the frame pointer, for code of a JIT or a
 * language that keeps them. */
static __always_inline __u32 walk_step(struct walk *walk, bool leaf_in_syscall)
{
	__u32 number = 0;
	bool by_table =
		walk->hit.object && walk->hit.table && !(walk->session_flags & SESSION_BY_POINTER);
	if (by_table && walk->hit.table == MAPPING_TABLE_PENDING)
		return WALK_NO_TABLE;
	if (by_table)
		number = unwind_find(walk->hit.table,
				     walk_address(walk) - walk->hit.start + walk->hit.offset);
	const struct unwind_rule *rule = number ? unwind_rule_at(number) : NULL;
	if (!rule && by_table && leaf_in_syscall && walk_step_stub(walk))
		return UNWIND_STEPPED;
	if (rule)
		return unwind_step(&walk->at, rule);
	bool known = walk->hit.end || walk->at.flags & FRAME_BY_POINTER;
	__u32 end = unwind_step_pointer(&walk->at);
	/* What code that is not known keeps in rbp, nobody knows: zero is no root. */
	return end == WALK_ROOT && !known ? WALK_NO_MAPPING : end;
}

struct walk_loop {
	struct scratch *s;
	__u32 end;
};

static long walk_frame(__u32 i, void *data)
{
	struct walk_loop *loop = data;
	struct walk *walk = &loop->s->walk;
	walk_locate(walk);
	if (loop->s->n_frames >= walk->frames_max || !walk_push(loop->s)) {
		loop->end = WALK_DEPTH;
		return 1;
	}
	/* The leaf is true wherever it is. A caller outside all mappings is nonsense, or code that
	 * the engine has yet to learn of: it sees the frame. */
	if (i && !walk->hit.end && walk->range) {
		loop->end = WALK_NO_MAPPING;
		return 1;
	}
	loop->end = walk_step(walk, !i && !walk->at.flags);
	return loop->end != UNWIND_STEPPED;
}

/* Whether the walk ended at code that is not in the mappings, or may be (a space not read yet). */
static __always_inline bool walk_missed(const struct walk *walk, __u32 end)
{
	return end == WALK_NO_MAPPING || end == WALK_NO_TABLE ||
	       (end != WALK_ROOT && end != WALK_NO_REGISTERS && !walk->hit.end);
}

/* In execve, when the old image is gone and the new one is being made: the registers are still of
 * the old one, its stack is not. */
static __always_inline bool walk_has_no_image(struct task_struct *task, const struct scratch *s,
					      __u32 end)
{
	return end == WALK_BAD_PAGE && s->n_frames <= 1 && bpf_core_field_exists(task->in_execve) &&
	       BPF_CORE_READ_BITFIELD(task, in_execve);
}

/* Walks into the scratch memory; `interrupted` as registers_read() has it. Returns why the walk
 * ended; with WALK_NO_REGISTERS there is no stack. */
static __always_inline __u32 walk_user(struct scratch *s, const struct pt_regs *interrupted,
				       struct task_struct *task, __u32 space, __u32 session_flags,
				       __u32 frames_max)
{
	struct walk *walk = &s->walk;
	bool is_32bit = false;
	if (!registers_read(interrupted, task, &s->registers, &walk->at, &is_32bit))
		return WALK_NO_REGISTERS;
	walk->space = space;
	walk->session_flags = session_flags;
	walk->frames_max = frames_max;
	walk->hit.object = 0;
	walk->hit.end = 0;
	struct space *slot = space ? bpf_map_lookup_elem(&spaces, &space) : NULL;
	walk->range = slot ? slot->range : 0;
	stacks_begin(s, false);
	if (is_32bit) {
		walk_locate(walk);
		walk_push(s);
		return WALK_32BIT;
	}
	if (registers_newborn(interrupted, &s->registers, task)) {
		walk_locate(walk);
		walk_push(s);
		return WALK_ROOT;
	}
	struct walk_loop loop = {.s = s, .end = WALK_BUDGET};
	bpf_loop(USER_FRAMES_MAX + 1, walk_frame, &loop, 0);
	return walk_has_no_image(task, s, loop.end) ? WALK_NO_REGISTERS : loop.end;
}
