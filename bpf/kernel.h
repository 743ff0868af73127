/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel's structs, by hand: only the members that are used; CO-RE finds the offsets when the
 * programs are loaded. */
#pragma once

#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define CORE __attribute__((preserve_access_index))

enum {
	KERNEL_PF_IO_WORKER = 0x10,
	KERNEL_PF_KTHREAD = 0x200000,
	KERNEL_SIGNAL_GROUP_EXIT = 0x4,
	KERNEL_CLONE_THREAD = 0x10000,
};

/* Bits of task_struct.__state (linux/sched.h). */
enum {
	KERNEL_TASK_INTERRUPTIBLE = 0x1,
	KERNEL_TASK_STOPPED = 0x4,
	KERNEL_TASK_TRACED = 0x8,
	KERNEL_TASK_PARKED = 0x40,
	KERNEL_TASK_DEAD = 0x80,
	KERNEL_TASK_WAKING = 0x200,
	KERNEL_TASK_NOLOAD = 0x400, /* a kernel thread that idles */
	KERNEL_TASK_NEW = 0x800,
};

struct mm_struct;

/* VM_PFNMAP, VM_IO, VM_UFFD_MISSING, VM_UFFD_WP (include/linux/mm.h, x86-64) */
#define KERNEL_VM_NOT_STACK 0x5600ul

struct super_block {
	__u32 s_dev;
} CORE;

struct inode {
	struct super_block *i_sb;
	unsigned long i_ino;
	__u32 i_generation;
} CORE;

struct file {
	struct inode *f_inode;
} CORE;

struct linux_binprm {
	struct file *file; /* in the end the program, or a script's interpreter */
} CORE;

struct vm_area_struct {
	unsigned long vm_end;
	unsigned long vm_flags;
	struct file *vm_file;
} CORE;

typedef struct {
	int counter;
} CORE atomic_t;

struct signal_struct {
	atomic_t live; /* threads that have not begun to exit */
	int group_exit_code;
	unsigned int flags;
} CORE;

struct rq;

struct cfs_rq {
	struct rq *rq;	    /* the CPU's */
	int throttle_count; /* it, or one above it, has used up its share of CPU */
} CORE;

struct sched_entity {
	__u64 sum_exec_runtime;
	struct cfs_rq *cfs_rq;
} CORE;

struct sched_info {
	unsigned long long run_delay;
} CORE;

struct task_struct {
	unsigned int __state;
	int on_cpu;
	struct sched_entity se;
	struct sched_info sched_info;
	unsigned int flags;
	struct mm_struct *mm;
	unsigned in_execve : 1;
	int exit_state; /* not 0: a zombie */
	int exit_code;
	int pid;
	int tgid;
	struct task_struct *group_leader;
	unsigned long nvcsw, nivcsw; /* switches away from it */
	__u64 start_time;
	char comm[16];
	struct signal_struct *signal;
	_Bool throttled; /* since 6.18 (e1fad12dcb66), where it replaces throttle_count */
} CORE;

struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
} CORE;

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task; /* NULL at the end */
} CORE;
