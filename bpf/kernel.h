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
};

struct mm_struct;

typedef struct {
	int counter;
} CORE atomic_t;

struct signal_struct {
	atomic_t live; /* threads that have not begun to exit */
	int group_exit_code;
	unsigned int flags;
} CORE;

struct task_struct {
	unsigned int flags;
	struct mm_struct *mm;
	int exit_code;
	int pid;
	int tgid;
	struct task_struct *group_leader;
	__u64 start_time;
	char comm[16];
	struct signal_struct *signal;
} CORE;
