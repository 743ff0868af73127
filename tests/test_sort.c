/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/sort.h"

#include <stdint.h>

#include "tests/unit.h"

struct record {
	uint32_t key, order;
	uint8_t more[4];
};

static int by_key(const void *a, const void *b)
{
	const struct record *x = a, *y = b;
	return (x->key > y->key) - (x->key < y->key);
}

static void sorts_and_keeps_order(void)
{
	enum {
		MOST = 300
	};
	struct record list[MOST];
	uint32_t seed = 1;
	for (uint32_t n = 0; n <= MOST; n++) {
		for (uint32_t i = 0; i < n; i++) {
			seed = seed * 1664525 + 1013904223;
			list[i] = (struct record){
				.key = seed >> 26, .order = i, .more = {(uint8_t)i}};
		}
		CU_ASSERT_EQUAL(sort_records(list, n, sizeof(*list), by_key), 0);
		for (uint32_t i = 1; i < n; i++)
			CU_ASSERT_TRUE(list[i - 1].key < list[i].key ||
				       (list[i - 1].key == list[i].key &&
					list[i - 1].order < list[i].order));
		for (uint32_t i = 0; i < n; i++)
			CU_ASSERT_EQUAL(list[i].more[0], (uint8_t)list[i].order);
	}
	CU_ASSERT_EQUAL(sort_records(NULL, 0, sizeof(*list), by_key), 0);
}

enum {
	KILLER_N = 1 << 14,
	GAS = KILLER_N, /* greater than all, as long as nobody looked */
};
static uint32_t values[KILLER_N], solid, candidate, compared;

/* McIlroy's adversary (A Killer Adversary for Quicksort, 1999): decides which is less while it is
 * asked, so that every pivot turns out to be among the least. */
static int adversary(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	compared++;
	if (values[x] == GAS && values[y] == GAS)
		values[x == candidate ? x : y] = solid++;
	if (values[x] == GAS)
		candidate = x;
	else if (values[y] == GAS)
		candidate = y;
	return (values[x] > values[y]) - (values[x] < values[y]);
}

static void no_input_takes_long(void)
{
	uint32_t numbers[KILLER_N];
	for (uint32_t i = 0; i < KILLER_N; i++) {
		numbers[i] = i;
		values[i] = GAS;
	}
	CU_ASSERT_EQUAL(sort_records(numbers, KILLER_N, sizeof(*numbers), adversary), 0);
	/* 14 levels, and once to see whether it is sorted */
	CU_ASSERT_TRUE(compared <= KILLER_N * 15);
	uint32_t merges = compared;
	/* The same numbers once more, in the order that was bad. */
	for (uint32_t i = 0; i < KILLER_N; i++)
		numbers[i] = i;
	CU_ASSERT_EQUAL(sort_records(numbers, KILLER_N, sizeof(*numbers), adversary), 0);
	CU_ASSERT_TRUE(compared - merges <= KILLER_N * 15);
	for (uint32_t i = 1; i < KILLER_N; i++)
		CU_ASSERT_TRUE(values[numbers[i - 1]] <= values[numbers[i]]);
}

SUITE(sort, {"sorts, and keeps the order of equal ones", sorts_and_keeps_order},
      {"no input takes long", no_input_takes_long});
