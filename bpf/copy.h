/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Copies of stacks that cannot be walked yet: registers and up to 20 KiB of stack, for the engine
 * to walk when it has the tables (daemon/unwind_late.h). They stay in memory. */
#pragma once

#include "bpf/walk.h"

enum {
	COPY_TOKENS = 512,	 /* copies that a CPU may send at once … */
	COPY_TOKEN_NS = 1000000, /* … and one more each time this is over: 1,000 a second */
	COPY_PAGE = 4096,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct copy_event) + COPY_BYTES_MAX);
	__uint(max_entries, 1);
} copies SEC(".maps");

static __always_inline bool copy_take_token(struct scratch *s, __u64 now_ns)
{
	__u64 more = (now_ns - s->copy_ns) / COPY_TOKEN_NS;
	if (more) {
		s->copies = s->copies + more < COPY_TOKENS ? s->copies + more : COPY_TOKENS;
		s->copy_ns = now_ns;
	}
	if (!s->copies)
		return false;
	s->copies--;
	return true;
}

/* Page by page: near its end a stack is shorter than what could be copied. */
static __always_inline __u32 copy_stack(struct copy_event *c, __u64 sp)
{
	__u32 done = COPY_PAGE - (sp & (COPY_PAGE - 1));
	if (bpf_probe_read_user(c->stack, done, (const void *)sp))
		return 0;
#pragma unroll
	for (int i = 1; i < COPY_BYTES_MAX / COPY_PAGE; i++) {
		if (done > COPY_BYTES_MAX - COPY_PAGE ||
		    bpf_probe_read_user(c->stack + done, COPY_PAGE, (const void *)(sp + done)))
			break;
		done += COPY_PAGE;
	}
	return done;
}

/* Sends the copy that belongs to a sample or a wait, if there is room to spare. */
static __always_inline void copy_send(struct scratch *s, const struct pt_regs *interrupted,
				      struct task_struct *task, const struct sample_event *sample)
{
	__u32 zero = 0;
	struct copy_event *c = bpf_map_lookup_elem(&copies, &zero);
	bool is_32bit;
	if (!c || bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > RING_BYTES / 2 ||
	    !copy_take_token(s, sample->time_ns) ||
	    !registers_read(interrupted, task, &s->registers, &s->walk.at, &is_32bit))
		return;
	__u32 bytes = copy_stack(c, s->walk.at.reg[UNWIND_RSP]);
	if (!bytes || bytes > COPY_BYTES_MAX)
		return;
	c->event.kind = EVENT_COPY;
	c->event.bytes = sizeof(*c) + bytes;
	c->time_ns = sample->time_ns;
	c->cpu = sample->cpu;
	c->flags = s->walk.at.flags;
	c->pc = s->walk.at.pc;
	__builtin_memcpy(c->reg, s->walk.at.reg, sizeof(c->reg));
	c->bytes = bytes;
	c->cut = bytes > COPY_BYTES_MAX - COPY_PAGE;
	bpf_ringbuf_output(&ring, c, sizeof(*c) + bytes, BPF_RB_NO_WAKEUP);
}
