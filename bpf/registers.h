/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The user registers of the current thread: all that is known of the processor here. */
#pragma once

#include "bpf/kernel.h"

#ifndef __TARGET_ARCH_x86
#error "only x86-64 is known here"
#endif

enum {
	REGISTERS_USER_CS32 = 0x23,
};

static __always_inline bool registers_user_mode(const struct pt_regs *regs)
{
	return (regs->cs & 3) == 3;
}
static __always_inline bool registers_32bit(const struct pt_regs *regs)
{
	return (regs->cs & 0xffff) == REGISTERS_USER_CS32;
}

/* The registers the thread has, or will have, in user mode. False: it has none. `ctx` are those
 * that were interrupted. The kernel's copy is read whole: newer kernels keep cs as a u16 in a
 * union, which a typed access would follow. */
static __always_inline bool registers_read(struct bpf_perf_event_data *ctx,
					   struct task_struct *task, struct pt_regs *regs)
{
	if ((task->flags & (KERNEL_PF_KTHREAD | KERNEL_PF_IO_WORKER)) || !task->mm)
		return false;
	if (registers_user_mode(&ctx->regs)) {
		regs->rip = ctx->regs.rip;
		regs->rsp = ctx->regs.rsp;
		regs->rbp = ctx->regs.rbp;
		regs->cs = ctx->regs.cs;
		return true;
	}
	const void *saved = (const void *)bpf_task_pt_regs(task);
	return saved && !bpf_probe_read_kernel(regs, sizeof(*regs), saved) &&
	       registers_user_mode(regs);
}
