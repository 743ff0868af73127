/* SPDX-License-Identifier: Apache-2.0 */
/* The waits of a recording's threads: those that have ended come from the ring, those under way at
 * its end from a look at all sleepers.
 *
 * A thread's waits are counted from its first reading to its last (threads.h). That of a sleeper is
 * taken with its stack; a wait that ends after it is the one that was under way then, or a later
 * one, and does not count again. So the waits of a thread add up to its time off the CPU. */
#pragma once

struct session;
struct tally_stacks;
struct wait_event;

/* One that has ended. stacks NULL: a body never came. */
void offcpu_on_wait(struct session *session, const struct wait_event *wait,
		    const struct tally_stacks *stacks);
/* Takes what every sleeper waits for, with its last reading, from an fd of BROKER_SLEEPERS
 * (borrowed). */
void offcpu_take_sleepers(struct session *session, int fd);
/* Those under way of threads that were asleep but are not among the sleepers: without a stack.
 * After times_finish(). */
void offcpu_take_open(struct session *session);
