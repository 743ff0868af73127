/* SPDX-License-Identifier: Apache-2.0 */
/* Small profiles for the tests of views, said in words. */
#pragma once

#include <stdint.h>

struct profile;

/* A row: frames from the root, "main;parse;[copy]": `module!function`, without `!` of "app". A name
 * in parentheses is inlined into the one before it. */
void fixture_profile_row(struct profile *profile, const char *stack, const char *comm, int64_t pid,
			 int64_t tid, const int64_t *values);
/* Waits of a thread of process 4242 with one stack. */
struct fixture_wait {
	const char *state, *waker, *waker_stack; /* waker "": none; waker_stack NULL: none */
	int64_t events, blocked_ns, runnable_ns;
};
void fixture_profile_wait(struct profile *profile, const char *stack, int64_t tid,
			  const struct fixture_wait *wait);
/* One of ours: nginx (4242), 30 s at 99 Hz, cpu mode, six rows; see the source. */
struct profile *fixture_profile_nginx(void);
/* Likewise in wall mode at 100 Hz: one thread waits for a lock, naps and works, one reads from a
 * disk, of which half was not recorded, one sleeps. */
struct profile *fixture_profile_waits(void);
