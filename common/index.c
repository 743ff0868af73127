/* SPDX-License-Identifier: Apache-2.0 */
#include "common/index.h"

#include <stdlib.h>
#include "common/memory.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

void index_deinit(struct index *index)
{
	free(index->slots);
	*index = (struct index){0};
}

uint64_t index_hash(const void *key, size_t bytes)
{
	return XXH3_64bits(key, bytes);
}

uint32_t index_find(const struct index *index, uint64_t hash, index_same same, const void *context,
		    const void *key)
{
	if (!index->room)
		return 0;
	for (uint32_t i = (uint32_t)hash & (index->room - 1); index->slots[i].number;
	     i = (i + 1) & (index->room - 1))
		if (index->slots[i].hash == hash && same(context, index->slots[i].number, key))
			return index->slots[i].number;
	return 0;
}

static void put(struct index *index, uint64_t hash, uint32_t number)
{
	uint32_t i = (uint32_t)hash & (index->room - 1);
	while (index->slots[i].number)
		i = (i + 1) & (index->room - 1);
	index->slots[i] = (struct index_slot){hash, number};
	index->n++;
}

static void grow(struct index *index)
{
	struct index larger = {.room = index->room ? index->room * 2 : 64};
	larger.slots = memory_new(larger.room, sizeof(*larger.slots));
	for (uint32_t i = 0; i < index->room; i++)
		if (index->slots[i].number)
			put(&larger, index->slots[i].hash, index->slots[i].number);
	free(index->slots);
	*index = larger;
}

void index_add(struct index *index, uint64_t hash, uint32_t number)
{
	if ((uint64_t)index->n * 3 >= (uint64_t)index->room * 2)
		grow(index);
	put(index, hash, number);
}

/* Removing closes the gap, so that chains stay whole without tombstones: every follower that may
 * lie in the gap (its home is not after it, cyclically) moves there. */
static void close_gap(struct index *index, uint32_t gap)
{
	uint32_t mask = index->room - 1;
	for (uint32_t i = (gap + 1) & mask; index->slots[i].number; i = (i + 1) & mask) {
		uint32_t home = (uint32_t)index->slots[i].hash & mask;
		if (((i - home) & mask) < ((i - gap) & mask))
			continue;
		index->slots[gap] = index->slots[i];
		gap = i;
	}
	index->slots[gap].number = 0;
}

void index_remove(struct index *index, uint64_t hash, uint32_t number)
{
	if (!index->room)
		return;
	uint32_t mask = index->room - 1;
	for (uint32_t i = (uint32_t)hash & mask; index->slots[i].number; i = (i + 1) & mask)
		if (index->slots[i].number == number && index->slots[i].hash == hash) {
			index->n--;
			close_gap(index, i);
			return;
		}
}
