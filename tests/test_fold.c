/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/fold.h"

#include <stdio.h>
#include <string.h>
#include "daemon/members.h"
#include "daemon/tally.h"
#include "daemon/times.h"
#include "tests/unit.h"

struct world {
	struct threads threads;
	struct times times;
	struct tally tally;
	struct members members;
};

static void world_init(struct world *w)
{
	threads_init(&w->threads);
	times_init(&w->times, &w->threads);
	tally_init(&w->tally, &w->threads);
	members_init(&w->members);
	w->times.sessions = 1;
	w->times.begin_ns = 1;
}

static void world_deinit(struct world *w)
{
	members_deinit(&w->members);
	tally_deinit(&w->tally);
	threads_deinit(&w->threads);
}

/* A thread that is sampled once, waits once (10 ns) and ends, 100 ns after its birth. */
static void live(struct world *w, uint32_t tgid, uint32_t tid, uint64_t birth, const char *comm)
{
	struct wait_event wait = {.sample = {.event = {EVENT_WAIT, sizeof(wait)},
					     .time_ns = birth + 50,
					     .start_time_ns = birth,
					     .tgid = tgid,
					     .tid = tid},
				  .blocked_ns = 10,
				  .state = WAIT_SLEEPING};
	struct thread_times last = {.time_ns = birth + 100,
				    .start_time_ns = birth,
				    .oncpu_ns = 60,
				    .runnable_ns = 4,
				    .off_ns = 30,
				    .noted = 1,
				    .sessions = 1,
				    .tgid = tgid,
				    .tid = tid};
	memcpy(wait.sample.comm, comm, strlen(comm));
	memcpy(last.comm, comm, strlen(comm));
	const struct tally_stacks stacks = {.user = 1 + tid % 3};
	wait.sample.period = 7;
	tally_add(&w->tally, &wait.sample, stacks, WAIT_RUNNING);
	tally_add_wait(&w->tally, &wait, stacks, 0, UINT64_MAX);
	times_on_end(&w->times, &last);
}

static void check_sums(const struct world *w, uint64_t n)
{
	struct threads_sum sum = times_sum(&w->times);
	CU_ASSERT_EQUAL(sum.oncpu_ns, 60 * n);
	CU_ASSERT_EQUAL(sum.runnable_ns, 4 * n);
	CU_ASSERT_EQUAL(sum.stolen_ns, 10 * n);
	CU_ASSERT_EQUAL(sum.blocked_ns, 26 * n);
	CU_ASSERT_EQUAL(sum.wall_ns, 100 * n);
	uint64_t samples = 0, waits = 0, by_row = 0, many = 0;
	double blocked = 0, stands_for = 0;
	uint64_t counted = 0;
	for (uint32_t i = 1; i < w->threads.n; i++) {
		samples += w->threads.at[i].samples;
		waits += w->threads.at[i].waits;
		many += w->threads.at[i].n_folded ? w->threads.at[i].n_folded : 1;
	}
	for (uint32_t i = 1; i < w->tally.rows.n; i++) {
		by_row += w->tally.rows.at[i].taken;
		blocked += w->tally.rows.at[i].blocked_ns;
		stands_for += w->tally.rows.at[i].waits;
		counted += w->tally.rows.at[i].counted;
		CU_ASSERT(w->tally.rows.at[i].thread < w->threads.n);
	}
	CU_ASSERT_EQUAL(samples, n);
	CU_ASSERT_EQUAL(waits, n);
	CU_ASSERT_EQUAL(many, n);
	CU_ASSERT_EQUAL(by_row, 2 * n);
	CU_ASSERT_EQUAL(counted, 7 * n);
	CU_ASSERT_EQUAL(blocked, 10. * (double)n);
	CU_ASSERT_EQUAL(stands_for, (double)n);
	CU_ASSERT_EQUAL(w->threads.n_ever, n);
}

/* 60,000 threads of one process, a thousand between two looks. */
static void folds_threads_by_name(void)
{
	struct world w;
	world_init(&w);
	members_add(&w.members, 7, "maker");
	uint32_t most = 0;
	for (uint32_t i = 0; i < 60000; i++) {
		live(&w, 7, 100 + i % 5000, 1000 + i, i & 1 ? "odd" : "even");
		if (i % 1000 == 999)
			fold_dead(&w.times, &w.tally, &w.members, 1000 + i - 900);
		if (w.threads.n > most)
			most = w.threads.n;
	}
	CU_ASSERT(most < 8192);
	check_sums(&w, 60000);
	uint32_t n = 0;
	for (uint32_t i = 1; i < w.threads.n; i++)
		if (w.threads.at[i].n_folded) {
			n++;
			CU_ASSERT_EQUAL(w.threads.at[i].tgid, 7);
			CU_ASSERT_STRING_EQUAL(w.threads.at[i].process, "maker");
		}
	CU_ASSERT_EQUAL(n, 2);
	CU_ASSERT(w.tally.rows.n < 2 * 8192);
	/* Those kept are found by what they are. */
	for (uint32_t i = 1; i < w.threads.n; i++)
		if (!w.threads.at[i].n_folded)
			CU_ASSERT_EQUAL(threads_find(&w.threads, w.threads.at[i].tid,
						     w.threads.at[i].start_time_ns),
					i);
	world_deinit(&w);
}

/* As a build does: 60,000 processes, each of two threads. */
static void folds_processes_by_name(void)
{
	struct world w;
	world_init(&w);
	uint32_t most = 0;
	for (uint32_t i = 0; i < 60000; i++) {
		members_add(&w.members, 10 + i, i & 1 ? "cc1" : "as");
		live(&w, 10 + i, 10 + i, 1000 + i, i & 1 ? "cc1" : "as");
		live(&w, 10 + i, 100000 + i, 1000 + i, "helper");
		members_leave(&w.members, 10 + i);
		if (i % 1000 == 999)
			fold_dead(&w.times, &w.tally, &w.members, 1000 + i - 900);
		if (w.threads.n > most)
			most = w.threads.n;
	}
	CU_ASSERT(most < 8192);
	CU_ASSERT(w.members.n < 8192);
	CU_ASSERT_EQUAL(w.members.n_ever, 60000);
	check_sums(&w, 120000);
	uint32_t n = 0;
	for (uint32_t i = 1; i < w.threads.n; i++)
		if (w.threads.at[i].n_folded) {
			n++;
			CU_ASSERT_EQUAL(w.threads.at[i].tgid, 0);
		}
	CU_ASSERT_EQUAL(n, 4);
	world_deinit(&w);
}

/* Each thread has a name of its own. */
static void folds_too_many_names(void)
{
	struct world w;
	world_init(&w);
	members_add(&w.members, 7, "maker");
	uint32_t most = 0;
	for (uint32_t i = 0; i < 30000; i++) {
		char comm[COMM_BYTES];
		snprintf(comm, sizeof(comm), "worker-%u", i);
		live(&w, 7, 100 + i % 5000, 1000 + i, comm);
		if (i % 1000 == 999)
			fold_dead(&w.times, &w.tally, &w.members, 1000 + i - 900);
		if (w.threads.n > most)
			most = w.threads.n;
	}
	CU_ASSERT(most < 2 * 8192);
	check_sums(&w, 30000);
	uint32_t n = 0;
	for (uint32_t i = 1; i < w.threads.n; i++)
		n += !strcmp(w.threads.at[i].comm, "[others]");
	CU_ASSERT_EQUAL(n, 1);
	world_deinit(&w);
}

static void keeps_some_thousands(void)
{
	struct world w;
	world_init(&w);
	for (uint32_t i = 0; i < 4000; i++)
		live(&w, 7, 100 + i, 1000 + i, "few");
	fold_dead(&w.times, &w.tally, &w.members, UINT64_MAX);
	CU_ASSERT_EQUAL(w.threads.n - 1, 4000);
	check_sums(&w, 4000);
	world_deinit(&w);
}

SUITE(fold, {"folds threads by name", folds_threads_by_name},
      {"folds processes by name", folds_processes_by_name},
      {"folds too many names", folds_too_many_names},
      {"keeps some thousands", keeps_some_thousands});
