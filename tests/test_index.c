/* SPDX-License-Identifier: Apache-2.0 */
#include "common/index.h"

#include <stdlib.h>
#include "common/array.h"
#include "tests/unit.h"

static bool same_value(const void *context, uint32_t number, const void *key)
{
	const uint32_t *values = context;
	return values[number] == *(const uint32_t *)key;
}

/* Against a plain array: hashes are forced to collide, entries come and go. */
static void finds_what_is_there(void)
{
	enum {
		N = 2000
	};
	static uint32_t values[N + 1];
	static bool there[N + 1];
	struct index index = {0};
	for (uint32_t i = 1; i <= N; i++)
		values[i] = i * 7;
	uint32_t random = 1, wrong = 0;
	for (int step = 0; step < 20000; step++) {
		random = random * 1664525 + 1013904223;
		uint32_t i = 1 + (random >> 8) % N, key = values[i];
		uint64_t hash = key % 97;
		wrong += index_find(&index, hash, same_value, values, &key) != (there[i] ? i : 0);
		if (there[i])
			index_remove(&index, hash, i);
		else
			index_add(&index, hash, i);
		there[i] = !there[i];
	}
	CU_ASSERT_EQUAL(wrong, 0);
	uint32_t n = 0;
	for (uint32_t i = 1; i <= N; i++)
		n += there[i];
	CU_ASSERT_EQUAL(index.n, n);
	index_deinit(&index);
}

static void arrays_grow_zeroed(void)
{
	struct {
		int *at;
		uint32_t n, room;
	} array = {0};
	for (int i = 0; i < 1000; i++) {
		int *new = array_add(&array);
		CU_ASSERT_EQUAL(*new, 0);
		*new = i;
	}
	CU_ASSERT_EQUAL(array.at[999], 999);
	free(array.at);
}

SUITE(index, {"finds what is there, after removals too", finds_what_is_there},
      {"arrays grow with zeroed elements", arrays_grow_zeroed});
