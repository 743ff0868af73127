/* SPDX-License-Identifier: Apache-2.0 */
/* How a process of a client that may not record all of them gets into the filter, and out of it
 * again: judged (authority.h) when it is taken and after each of its execs, until when it is held;
 * and when its uid has changed or it hides (PR_SET_DUMPABLE), which is looked for whenever its maps
 * are asked for, and of all every second (take_check_all). The broker's. */
#pragma once

#include <stdint.h>
#include "bpf/types.h"

struct authority;
struct err;
struct programs;

struct take {
	uint32_t session;
	uint32_t pid;
	uint32_t flags; /* enum broker_take_flags */
	int pidfd;	/* of pid; borrowed */
};

/* *maps: of the image that was judged. -EACCES: it may not, and is taken by the session no more;
 * -ESRCH: it has ended; -EAGAIN: it does nothing but exec. */
int take_judged(struct programs *programs, struct authority *authority, const struct take *what,
		int *maps, struct err *err);

/* Judges again what has changed; a session whose client may not any more loses the process, which
 * is counted in revoked[session]. */
void take_check(struct programs *programs, struct authority *authority, uint32_t pid,
		uint32_t revoked[SESSIONS_MAX]);
void take_check_all(struct programs *programs, struct authority *authority,
		    uint32_t revoked[SESSIONS_MAX]);
