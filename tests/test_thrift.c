/* SPDX-License-Identifier: Apache-2.0 */
/* Steps towards the ceiling on our own cost. */
#include "daemon/thrift.h"
#include "bpf/types.h"
#include "tests/unit.h"

static const uint64_t SECOND = 1000000000;

static void steps_down_and_up(void)
{
	/* 1 % of a CPU over 2 s is 20 ms. */
	CU_ASSERT_EQUAL(thrift_step(0, SECOND / 100, 2 * SECOND, 1), 0);
	CU_ASSERT_EQUAL(thrift_step(0, SECOND / 50, 2 * SECOND, 1), 1);
	CU_ASSERT_EQUAL(thrift_step(3, SECOND, 2 * SECOND, 1), 4);
	CU_ASSERT_EQUAL(thrift_step(THIN_MAX, SECOND, 2 * SECOND, 1), THIN_MAX);
	CU_ASSERT_EQUAL(thrift_step(3, SECOND / 100, 2 * SECOND, 1), 3);
	CU_ASSERT_EQUAL(thrift_step(3, SECOND / 200, 2 * SECOND, 1), 2);
	CU_ASSERT_EQUAL(thrift_step(0, 0, 2 * SECOND, 1), 0);
}

/* A cost that is in proportion to the samples settles, and does not swing. */
static void settles(void)
{
	uint32_t thin = 0, changes = 0;
	for (int i = 0; i < 100; i++) {
		uint32_t next = thrift_step(thin, (SECOND / 10) >> thin, 2 * SECOND, 1);
		changes += next != thin;
		thin = next;
	}
	CU_ASSERT_EQUAL(thin, 3);
	CU_ASSERT_EQUAL(changes, 3);
}

SUITE(thrift, {"steps down and up", steps_down_and_up}, {"settles", settles});
