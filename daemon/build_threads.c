/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/build_threads.h"

#include <stdlib.h>
#include <string.h>
#include "common/escape.h"
#include "common/memory.h"
#include "daemon/session.h"

enum {
	THREADS_MAX_TOLD = 10000
};

/* One thread as it will stand in the profile. */
struct row {
	const struct tally_thread *tally; /* NULL: no samples */
	const struct times_thread *times; /* NULL: not known */
};

static uint64_t samples_of(const struct row *row)
{
	return row->tally ? row->tally->samples : 0;
}

static uint64_t oncpu_of(const struct row *row)
{
	return row->times ? row->times->oncpu_ns : 0;
}

static int by_weight(const void *a, const void *b)
{
	uint64_t x = samples_of(a), y = samples_of(b);
	if (x == y) {
		x = oncpu_of(a);
		y = oncpu_of(b);
	}
	return x < y ? 1 : x > y ? -1 : 0;
}

/* All threads that have samples or times; their number. */
static uint32_t gather(const struct session *session, struct row **rows)
{
	const struct tally *tally = &session->tally;
	const struct times *times = &session->times;
	uint32_t n_times = session->times_known ? times->threads.n - 1 : 0;
	uint32_t n = 0, n_tally = tally->threads.n - 1;
	struct row *all = memory_new(n_tally + n_times, sizeof(*all));
	bool *sampled = memory_new(n_times + 1, sizeof(*sampled));
	for (uint32_t i = 1; i <= n_tally; i++) {
		const struct tally_thread *thread = &tally->threads.at[i];
		const struct times_thread *known =
			n_times ? times_find(times, thread->tid, thread->start_time_ns) : NULL;
		all[n++] = (struct row){thread, known};
		if (known)
			sampled[known - times->threads.at] = true;
	}
	for (uint32_t i = 1; i <= n_times; i++)
		if (!sampled[i])
			all[n++] = (struct row){NULL, &times->threads.at[i]};
	free(sampled);
	*rows = all;
	return n;
}

static Probe__ThreadTimes *add_thread(Probe__Info *info, const struct session *session)
{
	Probe__ThreadTimes *thread = memory_new(1, sizeof(*thread));
	probe__thread_times__init(thread);
	thread->has_pid = thread->has_tid = thread->has_start_time_ns = thread->has_samples = 1;
	thread->has_oncpu_ns = thread->has_runnable_ns = thread->has_blocked_ns =
		thread->has_wall_ns = session->times_known;
	info->thread[info->n_thread++] = thread;
	return thread;
}

static void add_row(Probe__ThreadTimes *thread, const struct session *session,
		    const struct row *row)
{
	thread->samples += samples_of(row);
	if (!row->times)
		return;
	uint64_t wall = times_wall_ns(&session->times, row->times);
	thread->oncpu_ns += row->times->oncpu_ns;
	thread->runnable_ns += row->times->runnable_ns;
	thread->wall_ns += wall;
	thread->blocked_ns += wall - row->times->oncpu_ns - row->times->runnable_ns;
}

static void name_thread(Probe__ThreadTimes *thread, const struct row *row)
{
	const char *comm = row->tally ? row->tally->comm : row->times->comm;
	thread->name = escape_new(comm, strlen(comm));
	thread->pid = row->tally ? row->tally->tgid : row->times->tgid;
	thread->tid = row->tally ? row->tally->tid : row->times->tid;
	thread->start_time_ns = row->tally ? row->tally->start_time_ns : row->times->start_time_ns;
}

void build_threads_add(Probe__Info *info, const struct session *session)
{
	struct row *rows;
	uint32_t n = gather(session, &rows);
	qsort(rows, n, sizeof(*rows), by_weight);
	uint32_t told = n < THREADS_MAX_TOLD ? n : THREADS_MAX_TOLD;
	info->thread = memory_new(told + 1, sizeof(*info->thread));
	for (uint32_t i = 0; i < told; i++) {
		Probe__ThreadTimes *thread = add_thread(info, session);
		name_thread(thread, &rows[i]);
		add_row(thread, session, &rows[i]);
	}
	if (told < n) {
		Probe__ThreadTimes *others = add_thread(info, session);
		others->name = escape_new("[others]", strlen("[others]"));
		for (uint32_t i = told; i < n; i++)
			add_row(others, session, &rows[i]);
	}
	free(rows);
}
