/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/build_threads.h"

#include <stdlib.h>
#include <unistd.h>
#include "daemon/session.h"
#include "tests/unit.h"

/* Ten threads of one process: 1 to 3 with samples, 3 to 10 with times. */
static void fill(struct session *session)
{
	threads_init(&session->threads);
	tally_init(&session->tally, &session->threads);
	times_init(&session->times, &session->threads);
	session->times_known = true;
	session->times.sessions = 1;
	session->times.end_ns = 1000;
	for (uint32_t tid = 1; tid <= 3; tid++) {
		const struct sample_event sample = {
			.tgid = 1, .tid = tid, .start_time_ns = 7, .comm = "sampled"};
		for (uint32_t i = 0; i < tid; i++)
			tally_add(&session->tally, &sample, (struct tally_stacks){0}, WAIT_RUNNING);
	}
	for (uint32_t tid = 3; tid <= 10; tid++) {
		const struct thread_times times = {.time_ns = 1000,
						   .start_time_ns = 7,
						   .oncpu_ns = 10 * tid,
						   .runnable_ns = 5,
						   .sessions = 1,
						   .tgid = 1,
						   .tid = tid,
						   .comm = "timed"};
		times_on_end(&session->times, &times);
	}
}

static void joins_samples_and_times(void)
{
	struct session session = {0};
	fill(&session);
	Probe__Info *info = calloc(1, sizeof(*info));
	probe__info__init(info);
	build_threads_add(info, &session);
	CU_ASSERT_EQUAL(info->n_thread, 10);
	/* Most samples first, then most time. */
	static const uint32_t order[] = {3, 2, 1, 10, 9, 8, 7, 6, 5, 4};
	for (size_t i = 0; i < info->n_thread && i < 10; i++) {
		const Probe__ThreadTimes *thread = info->thread[i];
		CU_ASSERT_EQUAL(thread->tid, order[i]);
		CU_ASSERT_EQUAL(thread->pid, 1);
		CU_ASSERT_EQUAL(thread->start_time_ns, 7);
		CU_ASSERT_EQUAL(thread->samples, order[i] <= 3 ? order[i] : 0);
		CU_ASSERT_STRING_EQUAL(thread->name, order[i] < 3 ? "sampled" : "timed");
		CU_ASSERT_EQUAL(thread->oncpu_ns, order[i] >= 3 ? 10 * order[i] : 0);
		CU_ASSERT_EQUAL(thread->wall_ns,
				thread->oncpu_ns + thread->runnable_ns + thread->blocked_ns);
		CU_ASSERT_EQUAL(thread->wall_ns, order[i] >= 3 ? 993 : 0);
	}
	probe__info__free_unpacked(info, NULL);
	tally_deinit(&session.tally);
	threads_deinit(&session.threads);
}

static void says_nothing_of_unknown_times(void)
{
	struct session session = {0};
	fill(&session);
	session.times_known = false;
	Probe__Info *info = calloc(1, sizeof(*info));
	probe__info__init(info);
	build_threads_add(info, &session);
	CU_ASSERT_EQUAL(info->n_thread, 3);
	for (size_t i = 0; i < info->n_thread; i++)
		CU_ASSERT(!info->thread[i]->has_oncpu_ns && !info->thread[i]->has_wall_ns);
	probe__info__free_unpacked(info, NULL);
	tally_deinit(&session.tally);
	threads_deinit(&session.threads);
}

SUITE(build_threads, {"joins samples and times", joins_samples_and_times},
      {"says nothing of unknown times", says_nothing_of_unknown_times});
