/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/packed.h"
#include "tests/unit.h"

#include <stdlib.h>

static void numbers_become_digits(void)
{
	static const struct {
		int64_t number;
		const char *text;
	} made[] = {
		{0, "A"},
		{-1, "B"},
		{1, "C"},
		{15, "e"},
		{-16, "f"},
		{16, "gB"},
		{-17, "hB"},
		{5000, "w4J"},
		{INT64_MAX, "+//////////"
			    "/P"},
		{INT64_MIN, "///////////"
			    "/P"},
	};
	for (size_t i = 0; i < sizeof(made) / sizeof(*made); i++) {
		struct packed packed = {0};
		packed_add(&packed, made[i].number);
		CU_ASSERT_STRING_EQUAL(packed_text(&packed), made[i].text);
		packed_deinit(&packed);
	}
}

static void numbers_follow_each_other(void)
{
	struct packed packed = {0};
	CU_ASSERT_STRING_EQUAL(packed_text(&packed), "");
	for (int i = 0; i < 1000; i++)
		packed_add(&packed, i % 2 ? 16 : 1);
	CU_ASSERT_EQUAL(packed.n, 1500);
	CU_ASSERT_EQUAL(strncmp(packed_text(&packed), "CgBCgB", 6), 0);
	packed_deinit(&packed);
	CU_ASSERT_STRING_EQUAL(packed_text(&packed), "");
}

SUITE(packed, {"numbers become digits", numbers_become_digits},
      {"numbers follow each other", numbers_follow_each_other});
