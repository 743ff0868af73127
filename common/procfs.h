/* SPDX-License-Identifier: Apache-2.0 */
/* What everybody may read in /proc (proc(5)): processes, their names and accounts, settings of the
 * kernel. Small files, which the kernel wrote: what is not as described there is as good as not
 * there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	PROCFS_COMM = 64 /* room for a name: workers of the kernel have long ones */
};

/* Fields of /proc/PID/stat by their numbers in proc(5). */
enum procfs_field {
	PROCFS_PARENT = 4,
	PROCFS_FLAGS = 9,
	PROCFS_MINOR = 10,
	PROCFS_CHILDREN_MINOR = 11,
	PROCFS_MAJOR = 12,
	PROCFS_CHILDREN_MAJOR = 13,
	PROCFS_USER = 14, /* clock ticks */
	PROCFS_SYSTEM = 15,
	PROCFS_CHILDREN_USER = 16,
	PROCFS_CHILDREN_SYSTEM = 17,
	PROCFS_THREADS = 20,
	PROCFS_START = 22, /* clock ticks since boot */
	PROCFS_RSS = 24,   /* pages */
	PROCFS_FIELDS,
};

struct procfs_stat {
	uint32_t pid, parent, threads, uid; /* uid: effective, or whom the file belongs to */
	char state;			    /* 'Z': a zombie */
	bool kernel_thread;
	char comm[PROCFS_COMM]; /* raw bytes of the target */
	uint64_t field[PROCFS_FIELDS];
};

/* 0; -ESRCH: no such process. The process itself can keep who reads this waiting: in its exec, for
 * which the kernel's answer waits since 2026, for a file system of its own. */
int procfs_stat(uint32_t pid, struct procfs_stat *stat);
/* The same but for the fields, of /proc/PID/status: waits for nobody. */
int procfs_status(uint32_t pid, struct procfs_stat *stat);
/* The same of one thread of a process: what it alone used. -ESRCH. */
int procfs_thread_stat(uint32_t pid, uint32_t tid, struct procfs_stat *stat);
/* No thread is left. A process whose first thread has ended but others run shows as a zombie too.
 */
bool procfs_has_ended(const struct procfs_stat *stat);
/* The process that a thread belongs to; 0: no such thread. */
uint32_t procfs_tgid(uint32_t tid);
/* Whether numbers of users mean the same for a process as for this one: false in most other user
 * namespaces. */
bool procfs_shares_users(uint32_t pid);
/* Whether a user of ours is one in the process's user namespace as well. */
bool procfs_has_user(uint32_t pid, uint32_t uid);
/* Calls for every process, as procfs_status(); ends early when the callback returns false. */
void procfs_each(bool (*on_process)(void *context, const struct procfs_stat *stat), void *context);
/* Stolen and all time of the machine so far, in clock ticks (the first line of /proc/stat). */
void procfs_steal(uint64_t *stolen, uint64_t *all);

/* The file's first bytes and a NUL; how many, or negative errno. */
ssize_t procfs_read(const char *path, char *text, size_t room);
/* The number that the file begins with, a setting; `otherwise` where there is none. */
int64_t procfs_setting(const char *path, int64_t otherwise);
/* The number in the line "KEY: NUMBER" of a file as /proc/PID/status. */
int64_t procfs_value(const char *path, const char *key, int64_t otherwise);
/* Of n different lines; false: not all are there. */
bool procfs_values(const char *path, const char *const *keys, int64_t *values, size_t n);
