/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/spans.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit.h"

/* Against the plainest way: of all spans that cover an address the one with the highest value. The
 * values rise, or are in no order. */
static void agrees(int (*lay_out)(const struct span *in, uint32_t n, struct spans *out),
		   uint32_t stride)
{
	uint64_t seed = 7 + stride;
	for (int round = 0; round < 200; round++) {
		struct span in[24];
		uint64_t start = 1;
		for (uint32_t i = 0; i < 24; i++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			start += (seed >> 33) % 5;
			in[i] = (struct span){start, (uint32_t)((seed >> 40) % 30),
					      i * stride % 24};
		}
		struct spans spans = {};
		CU_ASSERT_EQUAL(lay_out(in, 24, &spans), 0);
		unsigned wrong = 0;
		for (uint64_t at = 0; at < start + 40; at++) {
			const struct span *found = spans_find(&spans, at), *expected = NULL;
			for (uint32_t i = 0; i < 24; i++)
				if (at >= in[i].start && at - in[i].start < in[i].bytes &&
				    (!expected || in[i].value > expected->value))
					expected = &in[i];
			wrong += !found != !expected || (found && found->value != expected->value);
		}
		CU_ASSERT_EQUAL(wrong, 0);
		spans_deinit(&spans);
	}
}

static void the_last_wins(void)
{
	agrees(spans_lay_out, 1);
}

static void the_latest_wins(void)
{
	agrees(spans_lay_out_latest, 7);
}

static void ends_at_the_highest_address(void)
{
	const struct span in[] = {{UINT64_MAX - 10, 100, 1}, {UINT64_MAX - 5, 1, 2}};
	struct spans spans = {};
	CU_ASSERT_EQUAL(spans_lay_out(in, 2, &spans), 0);
	CU_ASSERT_EQUAL(spans_find(&spans, UINT64_MAX - 5)->value, 2);
	CU_ASSERT_EQUAL(spans_find(&spans, UINT64_MAX - 1)->value, 1);
	CU_ASSERT_PTR_NULL(spans_find(&spans, UINT64_MAX));
	CU_ASSERT_PTR_NULL(spans_find(&spans, 0));
	spans_deinit(&spans);
	CU_ASSERT_EQUAL(spans_lay_out_latest(in, 2, &spans), 0);
	CU_ASSERT_EQUAL(spans_find(&spans, UINT64_MAX - 5)->value, 2);
	CU_ASSERT_EQUAL(spans_find(&spans, UINT64_MAX - 1)->value, 1);
	CU_ASSERT_PTR_NULL(spans_find(&spans, UINT64_MAX));
	spans_deinit(&spans);
	CU_ASSERT_EQUAL(spans_lay_out(NULL, 0, &spans), 0);
	CU_ASSERT_PTR_NULL(spans_find(&spans, 1));
	spans_deinit(&spans);
}

/* By start; of one start the higher value behind. */
static void sorts(void)
{
	struct span_list list = {};
	static const struct span expected[] = {{1, 4, 9}, {5, 2, 0}, {5, 1, 7}};
	CU_ASSERT_EQUAL(spans_gather(&list, 5, 6, 7), 0);
	CU_ASSERT_EQUAL(spans_gather(&list, 1, 5, 9), 0);
	CU_ASSERT_EQUAL(spans_gather(&list, 5, 7, 0), 0);
	CU_ASSERT_EQUAL(spans_sort(&list), 0);
	CU_ASSERT_EQUAL(memcmp(list.at, expected, sizeof(expected)), 0);
	free(list.at);
}

static void gathers(void)
{
	struct span_list list = {};
	CU_ASSERT_EQUAL(spans_gather(&list, 1, 1ull << 40, 3), 0);
	CU_ASSERT_EQUAL(list.at[0].bytes, UINT32_MAX);
	for (uint32_t i = 1; i < SPAN_LIST_MAX; i++)
		if (spans_gather(&list, i, i + 2ul, i))
			CU_FAIL_FATAL("no room");
	CU_ASSERT_EQUAL(spans_gather(&list, 0, 1, 0), -ENOMEM);
	CU_ASSERT_EQUAL(list.n, SPAN_LIST_MAX);
	CU_ASSERT(list.at[300].start == 300 && list.at[300].bytes == 2 &&
		  list.at[300].value == 300);
	free(list.at);
}

SUITE(spans, {"gathers", gathers}, {"sorts", sorts}, {"the last wins", the_last_wins},
      {"the latest wins", the_latest_wins},
      {"ends at the highest address", ends_at_the_highest_address});
