/* SPDX-License-Identifier: Apache-2.0 */
/* Takes what a recording's request names: processes, those they forked before, threads, processes
 * of a name, or everything. The broker judges each (BROKER_TAKE); what is forked later the programs
 * add. Those taken become members of the session, and their mappings are known. */
#pragma once

#include <stdint.h>

struct err;
struct session;

/* pidfds (borrowed) as in protocol.proto. 0, also where a process is awaited by its name, as
 * targets_look(); negative errno with words: -ESRCH, one that was named is not there; -EACCES, the
 * client may not record it. Others than those named are left out where they may not be recorded,
 * and counted in session->n_refused. */
int targets_take(struct session *session, const int *pidfds, uint32_t n_pidfds, struct err *err);
/* By name (--comm): 0 with members where there are some, 0 without while there is time to wait,
 * negative errno with words. Called until there are some, as often as one likes: it looks when it
 * is time to. */
int targets_look(struct session *session, struct err *err);
