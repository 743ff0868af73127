/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/hung.h"

#include <poll.h>
#include <stddef.h>
#include <unistd.h>

static bool is_stuck(struct hung_process *process)
{
	struct pollfd ended = {.fd = process->child, .events = POLLIN};
	if (process->child && poll(&ended, 1, 0) != 0) {
		close(process->child);
		process->child = 0;
	}
	return process->child != 0;
}

bool hung_has(struct hung *hung, uid_t owner, uint32_t pid, int64_t now_ms)
{
	int stuck = 0, owners_stuck = 0;
	int64_t owners_ms = 0;
	for (int i = 0; i < HUNG_MAX; i++) {
		struct hung_process *process = &hung->at[i];
		bool owners = process->owner == owner, holds = is_stuck(process);
		stuck += holds;
		owners_stuck += holds && owners;
		if (!owners || process->until_ms <= now_ms)
			continue;
		if (process->pid == pid && process->waited_ms >= HUNG_PROCESS_MS)
			return true;
		owners_ms += process->waited_ms;
	}
	return owners_ms >= HUNG_OWNER_MS || stuck >= HUNG_STUCK_MAX ||
	       owners_stuck >= HUNG_STUCK_OF_OWNER;
}

/* Its own place, or that of whose time is over first. NULL: a child is stuck in each. */
static struct hung_process *find(struct hung *hung, uid_t owner, uint32_t pid)
{
	struct hung_process *first = NULL;
	for (int i = 0; i < HUNG_MAX; i++) {
		struct hung_process *process = &hung->at[i];
		if (process->child)
			continue;
		if (process->until_ms && process->owner == owner && process->pid == pid)
			return process;
		if (!first || process->until_ms < first->until_ms)
			first = process;
	}
	return first;
}

void hung_add(struct hung *hung, uid_t owner, uint32_t pid, int64_t waited_ms, int child_take,
	      int64_t now_ms)
{
	struct hung_process *process = find(hung, owner, pid);
	if (process && (child_take >= 0 || waited_ms >= HUNG_LEAST_MS)) {
		bool same = process->owner == owner && process->pid == pid &&
			    process->until_ms > now_ms;
		*process = (struct hung_process){
			.until_ms = same ? process->until_ms : now_ms + HUNG_FOR_MS,
			.waited_ms = waited_ms + (same ? process->waited_ms : 0),
			.owner = owner,
			.pid = pid,
			.child = child_take > 0 ? child_take : 0,
		};
	} else if (child_take >= 0) {
		close(child_take);
	}
}
