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
	const struct thread *thread;
	struct threads_sum times;
};

static uint64_t met(const struct row *row)
{
	return row->thread->samples + row->thread->waits;
}

static int by_weight(const void *left, const void *right)
{
	const struct row *a = left, *b = right;
	uint64_t x = a->thread->samples, y = b->thread->samples;
	if (x == y) {
		x = a->times.oncpu_ns;
		y = b->times.oncpu_ns;
	}
	return x < y ? 1 : x > y ? -1 : 0;
}

/* All threads that have samples, waits or times; their number. */
static uint32_t gather(const struct session *session, struct row **rows)
{
	const struct threads *threads = &session->threads;
	struct row *all = memory_new(threads->n, sizeof(*all));
	uint32_t n = 0;
	for (uint32_t i = 1; i < threads->n; i++) {
		const struct thread *thread = &threads->at[i];
		all[n].thread = thread;
		if (session->times_known)
			all[n].times = times_of(&session->times, thread);
		n += met(&all[n]) || (session->times_known && thread->begin_ns);
	}
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
	thread->has_stolen_ns = session->times_known && session->times.off_known;
	info->thread[info->n_thread++] = thread;
	return thread;
}

static void add_row(Probe__ThreadTimes *told, const struct row *row)
{
	told->samples += row->thread->samples;
	told->oncpu_ns += row->times.oncpu_ns;
	told->stolen_ns += row->times.stolen_ns;
	told->runnable_ns += row->times.runnable_ns;
	told->blocked_ns += row->times.blocked_ns;
	told->wall_ns += row->times.wall_ns;
}

static void name_thread(Probe__ThreadTimes *told, const struct thread *thread)
{
	told->name = escape_new(thread->comm, strlen(thread->comm));
	told->pid = thread->tgid;
	told->has_pid = thread->tgid != 0;
	told->tid = thread->tid;
	told->has_tid = told->has_start_time_ns = !thread->n_folded;
	told->start_time_ns = thread->start_time_ns;
	told->has_threads = thread->n_folded != 0;
	told->threads = thread->n_folded;
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
		name_thread(thread, rows[i].thread);
		add_row(thread, &rows[i]);
	}
	if (told < n) {
		Probe__ThreadTimes *others = add_thread(info, session);
		others->name = escape_new("[others]", strlen("[others]"));
		others->has_threads = true;
		for (uint32_t i = told; i < n; i++) {
			add_row(others, &rows[i]);
			others->threads += rows[i].thread->n_folded ? rows[i].thread->n_folded : 1;
		}
	}
	free(rows);
}
