/* SPDX-License-Identifier: Apache-2.0 */
/* Consecutive short recordings for a live view: each is a child process (record_once.h) that is
 * prepared before its turn and gives its profile through a pipe, named while the next one samples.
 * The caller polls; profiles come in order of their turns, or are left out if they come late. */
#pragma once

#include <poll.h>

struct err;
struct profile;
struct record_args;
struct turns;

enum {
	TURNS_FDS = 6 /* the most that turns_poll() fills in */
};

enum turns_result {
	TURNS_AGAIN = 0,
	TURNS_PROFILE, /* new *profile, the caller's */
	TURNS_NOTHING, /* a turn is over in which the target used no CPU time */
	TURNS_ENDED, /* all targets have ended, and their last profile has been given: said once */
};

/* `args`: of one turn, borrowed: their duration, the target open, the output standard output. */
struct turns *turns_new(struct record_args *args, const char *socket_path);
/* Ends what runs, without its profile. NULL is fine. */
void turns_free(struct turns *turns);

/* Starts what is due. *timeout_ms until something is again, -1: nothing by time alone. Negative
 * errno with words. */
int turns_tick(struct turns *turns, int *timeout_ms, struct err *err);
/* What to wait for. How many. */
nfds_t turns_poll(const struct turns *turns, struct pollfd pollers[TURNS_FDS]);
/* After poll(): reads what is there, at most one result a call. Negative errno with words: why a
 * recording failed. */
int turns_take(struct turns *turns, struct profile **profile, struct err *err);
