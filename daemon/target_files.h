/* SPDX-License-Identifier: Apache-2.0 */
/* Opening what belongs to a target: its maps and the files it executes. Only what the kernel
 * formats is read here, never a byte or a path of the target's. Codes: 0 or negative errno. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct errand;
struct errand_kind;

enum {
	/* For a file on a file system that hangs (FUSE, NFS): a local one opens in microseconds. */
	TARGET_FILES_LIMIT_MS = 2000,
};

/* Opens a pidfd of the process. -ESRCH: gone, a zombie; -EINVAL: a thread. */
int target_files_pidfd(uint32_t pid, int *pidfd);
/* 0: `pidfd` is one of process `pid`, which is alive. -ESRCH: was alive; -EPROTO: another's, or no
 * pidfd. */
int target_files_names(int pidfd, uint32_t pid);
/* The process a thread belongs to. -ESRCH: gone. */
int target_files_process_of(uint32_t tid, uint32_t *pid);

/* Who a process acts as, who started it, and its number in its own PID namespace. -ENOENT: gone. */
struct target_identity {
	uid_t uid, starter;
	unsigned pid;
};
int target_files_identity(uint32_t pid, struct target_identity *identity);

/* What /proc/PID/maps says: a file, to be read from its start. The process itself may hold what
 * whoever reads that waits for, so a child does. *fd is -1 for a process without memory: a kernel
 * thread, or one that is ending. -ESRCH: gone; -ETIMEDOUT. */
int target_files_maps(uint32_t pid, int *fd);
/* All that is read from there on, at most LIMIT_MAPS_BYTES (-E2BIG), in a file of its own; *to is
 * -1 when there is nothing. For a child: to read may hang. */
int target_files_copy(int from, int *to);

struct target_mapping {
	uint32_t pid;
	uint64_t start, end, dev, inode; /* as in /proc/PID/maps; dev: makedev() */
};
/* Opens the mapped file, read-only. -ENOENT: no such mapping, or not of a regular file; -ESTALE:
 * another file is mapped there; -EACCES: not executable; -EOPNOTSUPP: on a
 * file system that a user serves (file_systems.h); -ETIMEDOUT. */
int target_files_mapped(const struct target_mapping *mapping, int *fd);

/* A line of /proc/PID/maps but for its path. False: no such line. */
struct target_line {
	uint64_t start, end, dev, inode;
	bool executable;
};
bool target_files_parse(const char *line, struct target_line *parsed);

/* For whom something is opened that may hang, and how long it may take. */
struct target_charge {
	uid_t owner;  /* who answers for it */
	uint32_t pid; /* 0: of no process */
	int limit_ms;
	bool verdict; /* verdict.h; else a file */
};
/* errand_ask(), unless it was waited for too long already for the same (hung.h): -ETIMEDOUT. */
int target_files_ask(const struct target_charge *charge, struct errand *errand,
		     const struct errand_kind *kind, const void *context, const void *request,
		     int *fd);
/* Has a child call open_it(what, fd), which opens *fd where its result is not negative, and passes
 * both here; past the limit the child is killed: -ETIMEDOUT. So at once where it was waited for too
 * long already for the same (hung.h). */
int target_files_in_child(const struct target_charge *charge,
			  int (*open_it)(const void *what, int *fd), const void *what, int *fd);
/* The same within TARGET_FILES_LIMIT_MS for a file of process `pid` (0: of the host). -ENOENT: the
 * process is gone. */
int target_files_from_disk(uint32_t pid, int (*open_it)(const void *what, int *fd),
			   const void *what, int *fd);
/* Who answers for a process: who started it; for one in user namespaces, where numbers of users
 * cost nothing, who made the outermost. -ENOENT: gone. */
int target_files_owner(uint32_t pid, uid_t *owner);
/* Ends the child that reads, if there is one; the next question begins another. */
void target_files_deinit(void);
