/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/take.h"

#include <errno.h>
#include <stdlib.h>

#include "common/guard.h"
#include "daemon/authority.h"
#include "daemon/programs.h"
#include "daemon/target_files.h"

enum {
	/* Execs between a judgement and its use: rarely one. */
	ATTEMPTS_MAX = 8,
};

/* One judgement, and the release that goes by it. */
static int judge(struct programs *programs, struct authority *authority, const struct take *what,
		 int *maps, struct err *err)
{
	uint32_t execs;
	int opened guard_fd = -1;
	int code = programs_hold(programs, what->session, what->pid, what->flags, &execs, err);
	if (!code)
		code = authority_judge(authority, what->session, what->pid, &opened, err);
	/* Alive still: then its number was its own all the time. */
	if (!code)
		code = target_files_names(what->pidfd, what->pid);
	if (!code)
		code = programs_release(programs, what->session, what->pid, what->flags, execs);
	if (!code)
		*maps = steal_fd(opened);
	return code;
}

int take_judged(struct programs *programs, struct authority *authority, const struct take *what,
		int *maps, struct err *err)
{
	int code = -EAGAIN;
	for (int i = 0; code == -EAGAIN && i < ATTEMPTS_MAX; i++)
		code = judge(programs, authority, what, maps, err);
	if (code && code != -EAGAIN)
		programs_drop_process(programs, what->session, what->pid);
	return code;
}

void take_check(struct programs *programs, struct authority *authority, uint32_t pid,
		uint32_t revoked[SESSIONS_MAX])
{
	uint64_t sessions = programs_judged(programs, pid);
	for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
		int maps guard_fd = -1;
		if (!(sessions >> i & 1) || !authority_is_changed(authority, i, pid) ||
		    !authority_judge(authority, i, pid, &maps, NULL))
			continue;
		programs_drop_process(programs, i, pid);
		revoked[i]++;
	}
}

void take_check_all(struct programs *programs, struct authority *authority,
		    uint32_t revoked[SESSIONS_MAX])
{
	uint32_t *pids guard_mem = NULL;
	size_t n = programs_pids(programs, &pids);
	for (size_t i = 0; i < n; i++)
		take_check(programs, authority, pids[i], revoked);
}
