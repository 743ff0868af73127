/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/openings.h"

#include "tests/unit.h"

static uint32_t take_all(struct openings *openings, uid_t uid, uint64_t now_ns)
{
	uint32_t n = 0;
	while (n < 1000000 && openings_take(openings, uid, now_ns))
		n++;
	return n;
}

static void so_many_for_each_user(void)
{
	const uint64_t second_ns = 1000000000, begin_ns = 77;
	struct openings openings = {0};
	CU_ASSERT_EQUAL(take_all(&openings, 1000, begin_ns), OPENINGS_AT_ONCE);
	CU_ASSERT_EQUAL(take_all(&openings, 1001, begin_ns), OPENINGS_AT_ONCE);
	CU_ASSERT_EQUAL(take_all(&openings, 0, begin_ns), 1000000);
	CU_ASSERT_EQUAL(take_all(&openings, 1000, begin_ns + second_ns - 1), 0);
	CU_ASSERT_EQUAL(take_all(&openings, 1000, begin_ns + second_ns), OPENINGS_A_SECOND);
	CU_ASSERT_EQUAL(take_all(&openings, 1000, begin_ns + 3 * second_ns), 2 * OPENINGS_A_SECOND);
	CU_ASSERT_EQUAL(take_all(&openings, 1000, begin_ns + 86400 * second_ns), OPENINGS_AT_ONCE);
	openings_deinit(&openings);
	CU_ASSERT_EQUAL(take_all(&openings, 1000, begin_ns), OPENINGS_AT_ONCE);
	openings_deinit(&openings);
}

SUITE(openings, {"so many for each user", so_many_for_each_user});
