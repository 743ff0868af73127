/* SPDX-License-Identifier: Apache-2.0 */
/* Files that keep who opens them waiting: a FUSE or NFS server that does not answer, or not soon.
 * All recordings wait with the broker then. So within a minute it waits two seconds for the files
 * of one process and eight for those of one user, and is denied more until that minute is over:
 * nobody gets it back sooner, and it takes nothing from other users. A child that does not go away
 * even when it is killed counts until it does. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	HUNG_MAX = 128,	    /* processes: more than a user fills with waits that are counted */
	HUNG_LEAST_MS = 75, /* shorter waits do not count */
	HUNG_FOR_MS = 60000,
	HUNG_PROCESS_MS = 2000,
	HUNG_OWNER_MS = 8000,
	HUNG_STUCK_MAX = 8, /* children that a file system does not let go of … */
	HUNG_STUCK_OF_OWNER = 2,
};

/* Zeroed: none. */
struct hung {
	struct hung_process {
		int64_t until_ms;
		int64_t waited_ms;
		uid_t owner;
		uint32_t pid; /* 0: files of the host */
		int child;    /* pidfd of one that is stuck; 0: none */
	} at[HUNG_MAX];
};

/* Whether to leave the files of this process alone. `owner`: who answers for it. */
bool hung_has(struct hung *hung, uid_t owner, uint32_t pid, int64_t now_ms);
/* So long it was waited for. child_take: a pidfd of the child that is stuck, or -1. */
void hung_add(struct hung *hung, uid_t owner, uint32_t pid, int64_t waited_ms, int child_take,
	      int64_t now_ms);
