/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/agreement.h"

#include <string.h>
#include "daemon/session.h"
#include "tests/unit.h"

static const uint64_t SECOND = 1000000000;

static char words[160];
static uint64_t late; /* firings that were not delivered */

/* 20 s on the CPU and 5 s stolen, at 100 Hz: 2,500 samples, give or take 200. */
static bool agrees(uint64_t samples, uint64_t lost, Probe__Record__Mode mode)
{
	struct session session = {.period_ns = SECOND / 100, .times_known = true};
	Probe__Record request = PROBE__RECORD__INIT;
	request.mode = mode;
	session.request = &request;
	threads_init(&session.threads);
	times_init(&session.times, &session.threads);
	session.times.sessions = 1;
	session.times.begin_ns = SECOND;
	times_on_end(&session.times, &(struct thread_times){.time_ns = 31 * SECOND,
							    .start_time_ns = SECOND,
							    .oncpu_ns = 20 * SECOND,
							    .off_ns = 5 * SECOND,
							    .sessions = 1,
							    .tid = 1,
							    .noted = 1});
	session.tally.samples = samples;
	session.tally.counted = samples * session.period_ns;
	session.sum.ticks = (struct ticks){.elsewhere = 5000, .sampled = samples};
	session.events.firings = 5000 + samples + late;
	words[0] = 0;
	bool result = agreement_check(&session, lost, words, sizeof(words));
	CU_ASSERT_EQUAL(result, !words[0]);
	threads_deinit(&session.threads);
	return result;
}

static void compares_samples_with_times(void)
{
	CU_ASSERT(agrees(2500, 0, PROBE__RECORD__MODE__CPU));
	CU_ASSERT(agrees(2310, 0, PROBE__RECORD__MODE__WALL));
	CU_ASSERT(agrees(2690, 0, PROBE__RECORD__MODE__WALL));
	CU_ASSERT(!agrees(2000, 0, PROBE__RECORD__MODE__WALL)); /* those of the time not stolen */
	CU_ASSERT_PTR_NOT_NULL(strstr(words, "samples stand for 20.00 s"));
	CU_ASSERT_PTR_NOT_NULL(strstr(words, "25.00 s (5.00 s of it stolen)"));
	CU_ASSERT(!agrees(3000, 0, PROBE__RECORD__MODE__CPU));
	CU_ASSERT(agrees(2000, 500, PROBE__RECORD__MODE__CPU)); /* what was lost is known */
	CU_ASSERT(agrees(0, 0, PROBE__RECORD__MODE__OFF));
	late = 1750; /* a fourth as many as came */
	CU_ASSERT(agrees(2000, 0, PROBE__RECORD__MODE__CPU));
}

SUITE(agreement, {"compares samples with times", compares_samples_with_times});
