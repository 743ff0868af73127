/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/snapshot.h"

#include <string.h>
#include "common/guard.h"
#include "daemon/asker.h"
#include "daemon/sampler.h"
#include "daemon/session.h"
#include "daemon/sleeper_walk.h"

static void add(struct session *session, const struct thread_times *thread, uint32_t state,
		struct tally_stacks stacks)
{
	struct sample_event sample = {
		.start_time_ns = thread->start_time_ns, .tgid = thread->tgid, .tid = thread->tid};
	memcpy(sample.comm, thread->comm, COMM_BYTES);
	tally_add(&session->tally, &sample, stacks, state);
}

static bool has_row(const struct session *session, uint32_t tid, uint64_t start_time_ns)
{
	return session->threads.at[threads_find(&session->threads, tid, start_time_ns)].samples;
}

static void on_sleeper(void *context, const struct sleeper *sleeper)
{
	struct session *session = context;
	const struct thread_times *thread = &sleeper->thread;
	struct tally_stacks stacks;
	if (!(thread->sessions >> session->slot & 1) ||
	    has_row(session, thread->tid, thread->start_time_ns))
		return;
	sleeper_walk_stacks(session->sampler, sleeper,
			    session->sampler->configs[session->slot].flags, &stacks);
	add(session, thread, thread->state, stacks);
}

static void look(struct session *session)
{
	int fd guard_fd = -1;
	if (!asker_sleepers(session->sampler->asker, session->slot, &fd, NULL))
		sleeper_walk_read(fd, session->sampler->ring, on_sleeper, session);
}

void snapshot_begin(struct session *session)
{
	look(session);
}

void snapshot_on_sample(struct session *session, const struct sample_event *sample,
			const struct tally_stacks *stacks)
{
	if (!has_row(session, sample->tid, sample->start_time_ns))
		tally_add(&session->tally, sample, *stacks, WAIT_RUNNING);
}

bool snapshot_is_whole(const struct session *session)
{
	for (uint32_t i = 1; i < session->threads.n; i++)
		if (!session->threads.at[i].samples && !session->threads.at[i].end_ns)
			return false;
	return true;
}

void snapshot_end(struct session *session)
{
	int fd guard_fd = -1;
	if (snapshot_is_whole(session))
		return;
	look(session);
	if (asker_threads(session->sampler->asker, session->slot, &fd, NULL) ||
	    times_finish(&session->times, session->stopped_ns, fd))
		return;
	for (uint32_t i = 1; i < session->threads.n; i++) {
		const struct thread *thread = &session->threads.at[i];
		/* Neither: it has ended. */
		if (thread->samples || !(thread->on_cpu || thread->open_since_ns))
			continue;
		struct thread_times told = {.start_time_ns = thread->start_time_ns,
					    .tgid = thread->tgid,
					    .tid = thread->tid};
		memcpy(told.comm, thread->comm, COMM_BYTES);
		add(session, &told, thread->on_cpu ? WAIT_RUNNING : thread->open_state,
		    (struct tally_stacks){0});
	}
}
