/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One stack under construction in this CPU's scratch memory: frames are hashed as they are added; a
 * whole stack goes into the ring when its hash was not the last one seen in its slot. */
#pragma once

#include "bpf/count.h"

#define unwind_read(to, bytes, address)                                                            \
	bpf_probe_read_user(to, bytes, (const void *)(unsigned long)(address))
#include "bpf/unwind_step.h"

/* What a walk knows; see walk.h. */
struct walk {
	struct unwind_state at; /* the frame in hand */
	__u64 range;		/* of the space, see struct space */
	__u32 space;
	__u32 session_flags;
	__u32 frames_max;
	__u32 pad;
	struct mapping hit; /* holds the frame in hand; end 0: no mapping does */
};

struct scratch {
	__u32 busy; /* programs can nest where a counter interrupts by NMI */
	__u32 n_frames;
	__u64 hash;
	__u32 check;
	__u32 pad;
	__u64 copy_ns, copies; /* see copy.h */
	struct walk walk;
	struct pt_regs registers; /* the kernel's copy of a thread's */
	__u64 addresses[KERNEL_FRAMES_MAX + 1];
	struct stack_event body; /* with room for USER_FRAMES_MAX */
};

/* Who may interrupt whom has memory of its own. */
enum stacks_slot {
	STACKS_TICK, /* the sampler, which may be called by an NMI */
	STACKS_WAIT, /* programs of the scheduler, with interrupts off */
	STACKS_SLOTS,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct scratch) + USER_FRAMES_MAX * sizeof(struct frame));
	__uint(max_entries, STACKS_SLOTS);
} scratch SEC(".maps");

/* The scratch memory, this program's until stacks_release(); NULL: it is in use. */
static __always_inline struct scratch *stacks_take(enum stacks_slot slot)
{
	__u32 key = slot;
	struct scratch *s = bpf_map_lookup_elem(&scratch, &key);
	if (!s || s->busy)
		return NULL;
	s->busy = 1;
	return s;
}
static __always_inline void stacks_release(struct scratch *s)
{
	s->busy = 0;
}

static __always_inline void stacks_begin(struct scratch *s, bool kernel)
{
	s->n_frames = 0;
	s->hash = hash_seed + kernel;
	s->check = hash_seed >> 32;
	s->body.kernel = kernel;
}

/* The two must not collide together: different multipliers, different order of the words. */
static __always_inline void stacks_mix(struct scratch *s, __u64 a, __u64 b)
{
	__u64 hash = (s->hash ^ a) * 0x9e3779b97f4a7c15ull;
	hash = ((hash ^ (hash >> 32)) + b) * 0xd6e8feb86659fd93ull;
	s->hash = hash ^ (hash >> 29);
	__u32 check = (s->check + (__u32)b) * 0x85ebca6bu ^ (__u32)(b >> 32);
	check = (check ^ (check >> 15) ^ (__u32)a) * 0xc2b2ae35u + (__u32)(a >> 32);
	s->check = check ^ (check >> 13);
}

/* False: there is no room. */
static __always_inline bool stacks_push(struct scratch *s, const struct frame *frame)
{
	__u32 n = s->n_frames;
	if (n >= USER_FRAMES_MAX)
		return false;
	s->body.frames[n] = *frame;
	s->n_frames = n + 1;
	stacks_mix(s, frame->address,
		   (__u64)frame->object << 32 | (__u32)frame->kind << 16 | frame->flags);
	return true;
}

/* Completes the stack and sends its body unless it was sent. False: the ring has no room, so no
 * sample may name this stack. */
static __always_inline bool stacks_send(struct scratch *s, __u32 end, __u64 *hash, __u32 *check)
{
	stacks_mix(s, end, 0);
	*hash = s->hash ? s->hash : 1; /* 0 means none */
	*check = s->check;
	__u32 slot = *hash & (SEEN_MAX - 1);
	__u64 *last = bpf_map_lookup_elem(&seen, &slot);
	if (!last)
		return false;
	if (*last == *hash)
		return true;
	__u32 n = s->n_frames;
	if (n > USER_FRAMES_MAX)
		return false;
	__u32 bytes = sizeof(struct stack_event) + n * sizeof(struct frame);
	s->body.event.kind = EVENT_STACK;
	s->body.event.bytes = bytes;
	s->body.hash = *hash;
	s->body.check = *check;
	s->body.n_frames = n;
	s->body.end = end;
	if (bpf_ringbuf_output(&ring, &s->body, bytes, count_ring_flags()))
		return false;
	*last = *hash;
	return true;
}

struct stacks_kernel {
	struct scratch *s;
	const __u64 *addresses; /* of KERNEL_FRAMES_MAX */
	__u32 n;
	__u32 leaf_flags;
};

static long stacks_kernel_frame(__u32 i, void *data)
{
	struct stacks_kernel *k = data;
	if (i >= k->n || i >= KERNEL_FRAMES_MAX)
		return 1;
	struct frame frame = {
		.address = k->addresses[i] - stext,
		.kind = FRAME_KERNEL,
		.flags = i ? 0 : k->leaf_flags,
	};
	return !stacks_push(k->s, &frame);
}

/* A kernel stack, from its addresses. */
static __always_inline void stacks_add_kernel(struct scratch *s, const __u64 *addresses, __u32 n,
					      __u32 leaf_flags)
{
	stacks_begin(s, true);
	struct stacks_kernel k = {.s = s, .addresses = addresses, .n = n, .leaf_flags = leaf_flags};
	bpf_loop(KERNEL_FRAMES_MAX, stacks_kernel_frame, &k, 0);
}

/* The kernel stack, which was interrupted. False: there is none. */
static __always_inline bool stacks_kernel(struct scratch *s, void *ctx)
{
	long bytes = bpf_get_stack(ctx, s->addresses, KERNEL_FRAMES_MAX * sizeof(__u64), 0);
	if (bytes <= 0) {
		count(COUNTER_NO_KERNEL_STACK);
		return false;
	}
	stacks_add_kernel(s, s->addresses, bytes / sizeof(__u64), FRAME_EXACT);
	return true;
}
