/* SPDX-License-Identifier: Apache-2.0 */
/* What everybody may read of processes in /proc (proc(5)): who descends from whom, names, threads.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct procfs_stat {
	uint32_t pid, parent, threads, uid; /* uid: effective */
	char state;			    /* 'Z': a zombie */
	bool kernel_thread;
	char comm[64]; /* raw bytes of the target (workers of the kernel have long names) */
};

/* 0; -ESRCH: no such process. */
int procfs_stat(uint32_t pid, struct procfs_stat *stat);
/* The process that a thread belongs to; 0: no such thread. */
uint32_t procfs_tgid(uint32_t tid);
/* Calls for every process; ends early when the callback returns false. */
void procfs_each(bool (*on_process)(void *context, const struct procfs_stat *stat), void *context);
/* Stolen and all time of the machine so far, in clock ticks (the first line of /proc/stat). */
void procfs_steal(uint64_t *stolen, uint64_t *all);
