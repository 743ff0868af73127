/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/tally.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "tests/unit.h"

/* A tid that is given out again is another thread; equal (thread, stacks) add up. */
static void adds_up(void)
{
	struct threads threads;
	struct tally tally;
	threads_init(&threads);
	tally_init(&tally, &threads);
	struct sample_event sample = {
		.tgid = 10, .tid = 11, .start_time_ns = 1, .period = 20, .comm = "a"};
	for (int i = 0; i < 5; i++)
		tally_add(&tally, &sample, (struct tally_stacks){.user = 3}, WAIT_RUNNING);
	tally_add(&tally, &sample, (struct tally_stacks){.kernel = 2, .user = 3}, WAIT_RUNNING);
	sample.start_time_ns = 2;
	memcpy(sample.comm, "0123456789abcdef", 16);
	tally_add(&tally, &sample, (struct tally_stacks){.user = 3}, WAIT_RUNNING);
	CU_ASSERT_EQUAL(tally.samples, 7);
	CU_ASSERT_EQUAL(threads.n, 3);
	CU_ASSERT_EQUAL(tally.rows.n, 4);
	CU_ASSERT_EQUAL(tally.rows.at[1].taken, 5);
	CU_ASSERT_EQUAL(tally.rows.at[1].counted, 5 * 20);
	CU_ASSERT_EQUAL(tally.counted, 7 * 20);
	CU_ASSERT_EQUAL(threads.at[1].samples, 6);
	CU_ASSERT_STRING_EQUAL(threads.at[2].comm, "0123456789abcdef");
	tally_deinit(&tally);
	threads_deinit(&threads);
}

static void sums_stay_exact(void)
{
	struct threads threads;
	struct tally tally;
	threads_init(&threads);
	tally_init(&tally, &threads);
	for (uint32_t i = 0; i < 100000; i++) {
		struct sample_event sample = {.tid = 1 + i % 13, .start_time_ns = i % 7};
		tally_add(&tally, &sample, (struct tally_stacks){.kernel = i % 11, .user = i % 17},
			  WAIT_RUNNING);
	}
	uint64_t by_row = 0, by_thread = 0;
	for (uint32_t i = 1; i < tally.rows.n; i++)
		by_row += tally.rows.at[i].taken;
	for (uint32_t i = 1; i < threads.n; i++)
		by_thread += threads.at[i].samples;
	CU_ASSERT_EQUAL(by_row, 100000);
	CU_ASSERT_EQUAL(by_thread, 100000);
	CU_ASSERT_EQUAL(threads.n - 1, 13 * 7);
	CU_ASSERT_EQUAL(tally.rows.n - 1, 13 * 7 * 11 * 17);
	tally_deinit(&tally);
	threads_deinit(&threads);
}

static struct wait_event wait_of(uint64_t end, uint64_t blocked, uint64_t runnable)
{
	return (struct wait_event){.sample = {.event = {EVENT_WAIT, sizeof(struct wait_event)},
					      .time_ns = end,
					      .start_time_ns = 1,
					      .tgid = 10,
					      .tid = 11,
					      .comm = "waits"},
				   .blocked_ns = blocked,
				   .runnable_ns = runnable,
				   .state = WAIT_SLEEPING};
}

/* Blocked first, then runnable: what lies outside the recording is cut off at either end. */
static void cuts_waits_to_the_recording(void)
{
	static const struct {
		uint64_t end, blocked, runnable, in_blocked, in_runnable;
	} cases[] = {
		{1500, 300, 100, 300, 100}, /* within */
		{1100, 300, 50, 50, 50},    /* began before, was woken in it */
		{1100, 300, 150, 0, 100},   /* was woken before */
		{1000, 500, 0, 0, 0},	    /* ended as it began */
		{2100, 300, 50, 250, 0},    /* woken after its end */
		{2100, 300, 150, 300, 50},  /* woken before */
		{2600, 300, 150, 0, 0},	    /* began after */
		{9000, 8000, 500, 1000, 0}, /* all of it */
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct threads threads;
		struct tally tally;
		threads_init(&threads);
		tally_init(&tally, &threads);
		struct wait_event wait = wait_of(cases[i].end, cases[i].blocked, cases[i].runnable);
		tally_add_wait(&tally, &wait, (struct tally_stacks){.user = 3}, 1000, 2000);
		bool any = cases[i].in_blocked + cases[i].in_runnable;
		CU_ASSERT_EQUAL(tally.waits, any);
		CU_ASSERT_EQUAL(tally.rows.n - 1, any);
		if (any && tally.rows.n == 2) {
			CU_ASSERT_EQUAL(tally.rows.at[1].waits, 1);
			CU_ASSERT_EQUAL(tally.rows.at[1].blocked_ns, cases[i].in_blocked);
			CU_ASSERT_EQUAL(tally.rows.at[1].runnable_ns, cases[i].in_runnable);
		}
		CU_ASSERT_EQUAL(tally.samples, 0);
		tally_deinit(&tally);
		threads_deinit(&threads);
	}
}

/* Two kinds of waits of equal total time, strictly alternating, 20 us and 2 ms, with a period of
 * 10 ms: both are estimated without bias, the shorter with more noise. */
static void weighs_waits_by_their_period(void)
{
	struct threads threads;
	struct tally tally;
	threads_init(&threads);
	tally_init(&tally, &threads);
	const uint64_t period = 10000000, lengths[2] = {20000, 2000000};
	uint64_t seed = 88172645463325252ull, now = 0, total[2] = {0};
	for (int i = 0; i < 2000000; i++) {
		int kind = i % 101 == 0;
		uint64_t length = lengths[kind];
		now += length;
		total[kind] += length;
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		if ((seed >> 11) % period >= length)
			continue; /* by chance length / period */
		struct wait_event wait = wait_of(now, length, 0);
		wait.period_ns = period;
		tally_add_wait(&tally, &wait, (struct tally_stacks){.user = 3 + (uint32_t)kind}, 0,
			       UINT64_MAX);
	}
	CU_ASSERT_EQUAL(tally.rows.n - 1, 2);
	for (uint32_t i = 1; i < tally.rows.n; i++) {
		const struct tally_row *row = &tally.rows.at[i];
		int kind = row->stacks.user == 4;
		double exact = (double)total[kind];
		/* Each taken stands for one period: Poisson. */
		double sigma = sqrt(exact / (double)period) * (double)period;
		CU_ASSERT(fabs(row->blocked_ns - exact) < 4 * sigma);
		CU_ASSERT_DOUBLE_EQUAL(row->blocked_ns, row->waits * (double)lengths[kind],
				       row->blocked_ns * 1e-9);
	}
	tally_deinit(&tally);
	threads_deinit(&threads);
}

/* One that is as long as its period, or longer, was taken for certain: it stands for itself. */
static void weighs_long_waits_as_one(void)
{
	static const struct {
		uint64_t lasted, period;
		double weight;
	} cases[] = {{500, 500, 1}, {800, 500, 1}, {250, 500, 2}, {300, 0, 1}, {0, 500, 1}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct threads threads;
		struct tally tally;
		threads_init(&threads);
		tally_init(&tally, &threads);
		struct wait_event wait = wait_of(1500, cases[i].lasted, 0);
		wait.period_ns = cases[i].period;
		tally_add_wait(&tally, &wait, (struct tally_stacks){.user = 3}, 0, 2000);
		CU_ASSERT_EQUAL_FATAL(tally.rows.n, 2);
		CU_ASSERT_EQUAL(tally.rows.at[1].waits, cases[i].weight);
		CU_ASSERT_EQUAL(tally.rows.at[1].blocked_ns,
				cases[i].weight * (double)cases[i].lasted);
		tally_deinit(&tally);
		threads_deinit(&threads);
	}
}

static void tells_states_and_wakers_apart(void)
{
	struct threads threads;
	struct tally tally;
	threads_init(&threads);
	tally_init(&tally, &threads);
	tally.with_wakers = true;
	struct wait_event wait = wait_of(100, 50, 0);
	const struct tally_stacks stacks = {.user = 3, .waker = 9};
	tally_add_wait(&tally, &wait, stacks, 0, 1000); /* an interrupt's */
	wait.waker_tid = 7;
	memcpy(wait.waker_comm, "waker", 5);
	tally_add_wait(&tally, &wait, stacks, 0, 1000);
	tally_add_wait(&tally, &wait, stacks, 0, 1000);
	wait.waker_start_time_ns = 5; /* another thread of this number */
	tally_add_wait(&tally, &wait, stacks, 0, 1000);
	wait.state = WAIT_DISK;
	tally_add_wait(&tally, &wait, stacks, 0, 1000);
	wait.state = WAIT_RUNNABLE; /* nobody woke it */
	tally_add_wait(&tally, &wait, stacks, 0, 1000);
	tally_add(&tally, &wait.sample, stacks, WAIT_RUNNING);
	CU_ASSERT_EQUAL(tally.rows.n - 1, 6);
	CU_ASSERT_EQUAL(tally.wakers.n - 1, 3);
	CU_ASSERT_EQUAL(tally.rows.at[2].taken, 2);
	CU_ASSERT_STRING_EQUAL(tally.wakers.at[tally.rows.at[2].waker].comm, "waker");
	CU_ASSERT_EQUAL(tally.wakers.at[tally.rows.at[1].waker].tid, 0);
	CU_ASSERT_EQUAL(tally.rows.at[5].waker, 0);
	CU_ASSERT_EQUAL(tally.samples, 1);
	CU_ASSERT_EQUAL(tally.waits, 6);
	tally_deinit(&tally);
	threads_deinit(&threads);

	/* Another session asked for wakers, this one did not. */
	threads_init(&threads);
	tally_init(&tally, &threads);
	tally_add_wait(&tally, &wait, stacks, 0, 1000);
	CU_ASSERT_EQUAL(tally.rows.at[1].stacks.waker, 0);
	CU_ASSERT_EQUAL(tally.rows.at[1].waker, 0);
	tally_deinit(&tally);
	threads_deinit(&threads);
}

/* More wakers than are told one by one: the others go by their names. */
static void bounds_wakers(void)
{
	struct threads threads;
	struct tally tally;
	threads_init(&threads);
	tally_init(&tally, &threads);
	tally.with_wakers = true;
	struct wait_event wait = wait_of(100, 50, 0);
	for (uint32_t i = 0; i < 3 * TALLY_WAKERS; i++) {
		wait.waker_tid = 100 + i;
		memcpy(wait.waker_comm, i & 1 ? "odd\0" : "even", 5);
		tally_add_wait(&tally, &wait, (struct tally_stacks){.user = 3}, 0, 1000);
	}
	CU_ASSERT_EQUAL(tally.wakers.n - 1, TALLY_WAKERS + 2);
	CU_ASSERT_EQUAL(tally.rows.n - 1, TALLY_WAKERS + 2);
	const struct tally_waker *last = &tally.wakers.at[tally.wakers.n - 1];
	CU_ASSERT_EQUAL(last->tid, TALLY_WAKER_OTHERS);
	CU_ASSERT_STRING_EQUAL(last->comm, "odd");
	CU_ASSERT_EQUAL(tally.rows.at[tally.rows.n - 1].taken, TALLY_WAKERS);
	/* A waker can give itself another name before each. */
	for (uint32_t i = 0; i < 3 * TALLY_WAKERS; i++) {
		wait.waker_tid = 100000 + i;
		snprintf(wait.waker_comm, sizeof(wait.waker_comm), "name %u", i);
		tally_add_wait(&tally, &wait, (struct tally_stacks){.user = 3}, 0, 1000);
	}
	CU_ASSERT(tally.wakers.n <= 2 * TALLY_WAKERS + 2);
	CU_ASSERT_STRING_EQUAL(tally.wakers.at[tally.wakers.n - 1].comm, "[others]");
	tally_deinit(&tally);
	threads_deinit(&threads);
}

SUITE(tally, {"adds up by thread and stacks", adds_up}, {"sums stay exact", sums_stay_exact},
      {"cuts waits to the recording", cuts_waits_to_the_recording},
      {"weighs waits by their period", weighs_waits_by_their_period},
      {"weighs long waits as one", weighs_long_waits_as_one},
      {"tells states and wakers apart", tells_states_and_wakers_apart},
      {"bounds wakers", bounds_wakers});
