/* SPDX-License-Identifier: Apache-2.0 */
/* What each of our processes may do. The broker keeps a short list of capabilities, everybody else
 * has none, and nobody can get any back: bounding sets are cut down to what is held, no_new_privs
 * is set, cores are off, and no process of ours can be traced or read by one of equal uid. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct err;

/* The broker: stays uid 0 (it may take any uid anyway, for workers and for judging clients) with
 * the capabilities of privileges.c and no others. One that the system does not grant is left out
 * without a word: who needs it then names it. */
int privileges_keep(struct err *err);

/* Engine and workers: uid and gid `id`, no groups, no capabilities. Needs CAP_SETUID, CAP_SETGID
 * and CAP_SETPCAP. */
int privileges_drop(uid_t id, struct err *err);

/* A child that does something as a user would: effective uid and gid, these groups, no capability.
 * Real and saved uid stay 0, so that the user cannot stop or kill it while it is waited for: access
 * is judged by the effective one (and the user namespaces that it owns), and with no capability
 * left the others are of no use. */
int privileges_act_as(uid_t uid, gid_t gid, const gid_t *groups, size_t n_groups);

/* The engine holds an event and a link per CPU and session: all the fds it can get. */
int privileges_limit_engine(void);
/* A worker parses what a target wrote: bounded memory and files, nothing written. */
int privileges_limit_worker(void);
