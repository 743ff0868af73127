/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/tally.h"

#include <string.h>
#include "tests/unit.h"

/* A tid that is given out again is another thread; equal (thread, stacks) add up. */
static void adds_up(void)
{
	struct tally tally;
	tally_init(&tally);
	struct sample_event sample = {.tgid = 10, .tid = 11, .start_time_ns = 1, .comm = "a"};
	for (int i = 0; i < 5; i++)
		tally_add(&tally, &sample, 0, 3);
	tally_add(&tally, &sample, 2, 3);
	sample.start_time_ns = 2;
	memcpy(sample.comm, "0123456789abcdef", 16);
	tally_add(&tally, &sample, 0, 3);
	CU_ASSERT_EQUAL(tally.samples, 7);
	CU_ASSERT_EQUAL(tally.threads.n, 3);
	CU_ASSERT_EQUAL(tally.rows.n, 4);
	CU_ASSERT_EQUAL(tally.rows.at[1].samples, 5);
	CU_ASSERT_EQUAL(tally.threads.at[1].samples, 6);
	CU_ASSERT_STRING_EQUAL(tally.threads.at[2].comm, "0123456789abcdef");
	tally_deinit(&tally);
}

static void sums_stay_exact(void)
{
	struct tally tally;
	tally_init(&tally);
	for (uint32_t i = 0; i < 100000; i++) {
		struct sample_event sample = {.tid = 1 + i % 13, .start_time_ns = i % 7};
		tally_add(&tally, &sample, i % 11, i % 17);
	}
	uint64_t by_row = 0, by_thread = 0;
	for (uint32_t i = 1; i < tally.rows.n; i++)
		by_row += tally.rows.at[i].samples;
	for (uint32_t i = 1; i < tally.threads.n; i++)
		by_thread += tally.threads.at[i].samples;
	CU_ASSERT_EQUAL(by_row, 100000);
	CU_ASSERT_EQUAL(by_thread, 100000);
	CU_ASSERT_EQUAL(tally.threads.n - 1, 13 * 7);
	CU_ASSERT_EQUAL(tally.rows.n - 1, 13 * 7 * 11 * 17);
	tally_deinit(&tally);
}

SUITE(tally, {"adds up by thread and stacks", adds_up}, {"sums stay exact", sums_stay_exact});
