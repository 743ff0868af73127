/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The user registers of the current thread: all that is known of the processor here. */
#pragma once

#include "bpf/stacks.h"

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

/* In a system call: its pc is behind the instruction, which may be the last one of its function
 * (libc's __restore_rt), so it is like a return address. The instruction leaves that pc in rcx,
 * too; on the way out the kernel may have set another one, that of a signal's handler. */
static __always_inline bool registers_in_syscall(const struct pt_regs *regs)
{
	return (__s64)regs->orig_rax >= 0 && regs->rcx == regs->rip;
}

/* Whether the thread came into the kernel by a system call, or is the kernel's. */
static __always_inline bool registers_in_call(struct task_struct *task)
{
	__u64 number = 0;
	const struct pt_regs *kernels = (const struct pt_regs *)bpf_task_pt_regs(task);
	if (task->flags & KERNEL_PF_KTHREAD)
		return true;
	return kernels && !bpf_probe_read_kernel(&number, sizeof(number), &kernels->orig_rax) &&
	       (__s64)number >= 0;
}

/* DWARF's numbers (psABI 3.6.2). */
static __always_inline void registers_number(const struct pt_regs *from, struct unwind_state *to)
{
	to->reg[0] = from->rax;
	to->reg[1] = from->rdx;
	to->reg[2] = from->rcx;
	to->reg[3] = from->rbx;
	to->reg[4] = from->rsi;
	to->reg[5] = from->rdi;
	to->reg[6] = from->rbp;
	to->reg[7] = from->rsp;
	to->reg[8] = from->r8;
	to->reg[9] = from->r9;
	to->reg[10] = from->r10;
	to->reg[11] = from->r11;
	to->reg[12] = from->r12;
	to->reg[13] = from->r13;
	to->reg[14] = from->r14;
	to->reg[15] = from->r15;
	to->pc = from->rip;
}

/* A thread that has yet to return from the clone or clone3 (system calls 56 and 435) that made it:
 * its registers are its maker's, its stack is new and says nothing of where it returns to. After
 * registers_read(). */
static __always_inline bool registers_newborn(const struct pt_regs *interrupted,
					      const struct pt_regs *saved,
					      const struct task_struct *task)
{
	if (task->pid == task->tgid || (interrupted && registers_user_mode(interrupted)))
		return false;
	return !saved->rax && (saved->orig_rax == 56 || saved->orig_rax == 435);
}

/* The registers the thread has, or will have, in user mode. False: it has none. `interrupted` are
 * those that an event found (NULL: the thread is in the kernel); `saved` is room for the kernel's
 * copy, which is read whole: newer kernels keep cs as a u16 in a union, which a typed access would
 * follow. */
static __always_inline bool registers_read(const struct pt_regs *interrupted,
					   struct task_struct *task, struct pt_regs *saved,
					   struct unwind_state *to, bool *is_32bit)
{
	if ((task->flags & (KERNEL_PF_KTHREAD | KERNEL_PF_IO_WORKER)) || !task->mm)
		return false;
	to->flags = FRAME_EXACT;
	if (interrupted && registers_user_mode(interrupted)) {
		registers_number(interrupted, to);
		*is_32bit = registers_32bit(interrupted);
		return true;
	}
	const void *kernels = (const void *)bpf_task_pt_regs(task);
	if (!kernels || bpf_probe_read_kernel(saved, sizeof(*saved), kernels) ||
	    !registers_user_mode(saved))
		return false;
	registers_number(saved, to);
	if (registers_in_syscall(saved))
		to->flags = 0;
	*is_32bit = registers_32bit(saved);
	return true;
}
