/* SPDX-License-Identifier: Apache-2.0 */
/* The index behind the numbers of profile.h: open addressing, hash → number, for elements that lie
 * in the profile's arrays. Private to profile.c. A slot is the hash's low half and number + 1, so
 * that a probe compares elements only when 32 bits of hash agree, and growing reads no element. */
#pragma once

#include "common/memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define PROFILE_TABLE_NONE UINT32_MAX

struct profile_table {
	uint64_t *slots; /* hash << 32 | number + 1; 0: empty */
	uint32_t mask, n;
};

typedef bool (*profile_table_same)(const void *context, uint32_t number, const void *key);

static inline void profile_table_put(struct profile_table *table, uint64_t slot)
{
	uint32_t at = (uint32_t)(slot >> 32) & table->mask;
	while (table->slots[at])
		at = (at + 1) & table->mask;
	table->slots[at] = slot;
}

static inline void profile_table_double(struct profile_table *table)
{
	struct profile_table bigger = {.mask = table->mask * 2 + 1, .n = table->n};
	if (table->mask > UINT32_MAX / 2)
		memory_exhausted();
	if (!table->slots)
		bigger.mask = 63;
	bigger.slots = memory_new((size_t)bigger.mask + 1, sizeof(*bigger.slots));
	for (size_t i = 0; table->slots && i <= table->mask; i++)
		if (table->slots[i])
			profile_table_put(&bigger, table->slots[i]);
	free(table->slots);
	*table = bigger;
}

/* The number of the element that is the same as `key`, else PROFILE_TABLE_NONE. */
static inline __attribute__((always_inline)) uint32_t
profile_table_find(const struct profile_table *table, uint64_t hash, profile_table_same same,
		   const void *context, const void *key)
{
	uint32_t at = (uint32_t)hash & table->mask;
	for (; table->slots && table->slots[at]; at = (at + 1) & table->mask) {
		uint64_t slot = table->slots[at];
		if (slot >> 32 == (uint32_t)hash && same(context, (uint32_t)slot - 1, key))
			return (uint32_t)slot - 1;
	}
	return PROFILE_TABLE_NONE;
}

/* Adds one that is not there. At most two thirds of the slots are used. */
static inline void profile_table_add(struct profile_table *table, uint64_t hash, uint32_t number)
{
	if (!table->slots || table->n >= table->mask / 3 * 2)
		profile_table_double(table);
	if (number >= UINT32_MAX - 1)
		memory_exhausted();
	profile_table_put(table, hash << 32 | (number + 1));
	table->n++;
}
