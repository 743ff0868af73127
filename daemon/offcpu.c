/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/offcpu.h"

#include <string.h>
#include "daemon/sampler.h"
#include "daemon/session.h"
#include "daemon/sleeper_walk.h"

void offcpu_on_wait(struct session *session, const struct wait_event *wait,
		    const struct tally_stacks *stacks)
{
	if (!session->started_ns || !session_waits(session))
		return;
	if (!stacks) {
		session->lost_waits++;
		session->lost_waits_ns += wait->blocked_ns + wait->runnable_ns;
		return;
	}
	uint32_t number =
		threads_find(&session->threads, wait->sample.tid, wait->sample.start_time_ns);
	const struct thread *thread = &session->threads.at[number];
	if (thread->end_ns && wait->sample.time_ns > thread->end_ns)
		return;
	if (wait->period_ns > session->off_period_ns)
		session->off_period_ns = wait->period_ns;
	/* The programs take for all sessions what one of them wants. */
	uint32_t flags = session->sampler->configs[session->slot].flags;
	struct tally_stacks own = *stacks;
	own.user = flags & SESSION_USER ? own.user : 0;
	own.kernel = flags & SESSION_KERNEL ? own.kernel : 0;
	tally_add_wait(&session->tally, wait, own,
		       thread->begin_ns ? thread->begin_ns : session->started_ns,
		       session->stopped_ns && !thread->end_ns ? session->stopped_ns : UINT64_MAX);
}

/* One that has not ended at the thread's last reading. */
static void take_open(struct session *session, uint32_t number, uint64_t since_ns, uint32_t state,
		      struct tally_stacks stacks)
{
	const struct thread *thread = &session->threads.at[number];
	struct wait_event wait = {
		.sample = {.time_ns = thread->end_ns,
			   .start_time_ns = thread->start_time_ns,
			   .tgid = thread->tgid,
			   .tid = thread->tid},
		.state = state,
	};
	memcpy(wait.sample.comm, thread->comm, COMM_BYTES);
	uint64_t lasted = thread->end_ns > since_ns ? thread->end_ns - since_ns : 0;
	if (state == WAIT_RUNNABLE || state == WAIT_THROTTLED)
		wait.runnable_ns = lasted;
	else
		wait.blocked_ns = lasted;
	tally_add_wait(&session->tally, &wait, stacks, thread->begin_ns, UINT64_MAX);
}

static void on_sleeper(void *context, const struct sleeper *sleeper)
{
	struct session *session = context;
	struct tally_stacks stacks;
	uint32_t number = times_on_sleeper(&session->times, &sleeper->thread);
	if (!number)
		return;
	sleeper_walk_stacks(session->sampler, sleeper,
			    session->sampler->configs[session->slot].flags, &stacks);
	take_open(session, number, sleeper->thread.off_since_ns, sleeper->thread.state, stacks);
}

void offcpu_take_sleepers(struct session *session, int fd)
{
	sleeper_walk_read(fd, session->sampler->ring, on_sleeper, session);
}

void offcpu_take_open(struct session *session)
{
	for (uint32_t i = 1; i < session->threads.n; i++) {
		struct thread *thread = &session->threads.at[i];
		if (!thread->open_since_ns)
			continue;
		session->lost_sleepers++;
		take_open(session, i, thread->open_since_ns, thread->open_state,
			  (struct tally_stacks){0});
		thread->open_since_ns = 0;
	}
}
