/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The user stack of the current thread. A frame at a time: find the mapping that holds the frame's
 * code, add the frame, step to its caller. Everything between two frames is in scratch memory, of
 * which the verifier assumes nothing, so that it checks one step once. */
#pragma once

#include "bpf/registers.h"
#include "bpf/stacks.h"

enum {
	WALK_STEPPED = WALK_ENDS,	/* no end: the registers are the caller's now */
	WALK_FRAME_BYTES_MAX = 1 << 20, /* a frame pointer further away leads nowhere */
};

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

/* Makes walk->hit the mapping of the frame in hand. A return address may be the first byte after
 * its function, and after its mapping. */
static __always_inline void walk_locate(struct walk *walk)
{
	__u64 address = walk->flags & FRAME_EXACT ? walk->pc : walk->pc - 1;
	if (walk->hit.object && address >= walk->hit.start && address < walk->hit.end)
		return;
	walk->hit.object = 0;
	__u32 key = walk_find_mapping(walk->range >> 32, walk->range, address);
	struct mapping *mapping = bpf_map_lookup_elem(&mappings, &key);
	if (mapping)
		walk->hit = *mapping;
}

static __always_inline bool walk_push(struct scratch *s)
{
	struct walk *walk = &s->walk;
	struct frame frame = {
		.address = walk->pc,
		.object = walk->space,
		.kind = FRAME_RAW,
		.flags = walk->flags,
	};
	if (walk->hit.object) {
		frame.address = walk->pc - walk->hit.start + walk->hit.offset;
		frame.object = walk->hit.object;
		frame.kind = FRAME_FILE;
	}
	return stacks_push(s, &frame);
}

/* To the caller by the frame pointer. A process built without them ends here early, or loses the
 * callers of leaf functions. */
static __always_inline __u32 walk_by_pointer(struct walk *walk)
{
	__u64 saved[2]; /* the caller's frame pointer, the return address */
	if (!walk->fp)
		return WALK_ROOT;
	if (walk->fp < walk->sp || walk->fp - walk->sp > WALK_FRAME_BYTES_MAX || (walk->fp & 7))
		return WALK_NO_ROW;
	if (bpf_probe_read_user(saved, sizeof(saved), (const void *)walk->fp))
		return WALK_BAD_PAGE;
	if (!saved[1])
		return WALK_ROOT;
	walk->sp = walk->fp + sizeof(saved);
	walk->fp = saved[0];
	walk->pc = saved[1];
	walk->flags = FRAME_BY_POINTER;
	return WALK_STEPPED;
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
	/* The leaf is true wherever it is. A caller outside all mappings is either none at all, or
	 * in code that the engine has yet to learn of. */
	if (i && !walk->hit.object && walk->range) {
		loop->end = WALK_NO_MAPPING;
		return 1;
	}
	if (!walk_push(loop->s)) {
		loop->end = WALK_DEPTH;
		return 1;
	}
	loop->end = walk_by_pointer(walk);
	return loop->end != WALK_STEPPED;
}

/* Walks into the scratch memory. Returns why the walk ended; with WALK_NO_REGISTERS there is no
 * stack. */
static __always_inline __u32 walk_user(struct scratch *s, struct bpf_perf_event_data *ctx,
				       struct task_struct *task, __u32 space)
{
	struct pt_regs regs;
	if (!registers_read(ctx, task, &regs))
		return WALK_NO_REGISTERS;
	struct walk *walk = &s->walk;
	__builtin_memset(walk, 0, sizeof(*walk));
	walk->pc = regs.rip;
	walk->sp = regs.rsp;
	walk->fp = regs.rbp;
	walk->flags = FRAME_EXACT;
	walk->space = space;
	struct space *slot = space ? bpf_map_lookup_elem(&spaces, &space) : NULL;
	if (slot)
		walk->range = slot->range;
	stacks_begin(s, false);
	if (registers_32bit(&regs)) {
		walk_locate(walk);
		walk_push(s);
		return WALK_32BIT;
	}
	struct walk_loop loop = {.s = s, .end = WALK_BUDGET};
	bpf_loop(USER_FRAMES_MAX + 1, walk_frame, &loop, 0);
	return loop.end;
}
