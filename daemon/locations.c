/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/locations.h"

#include <stdlib.h>
#include <string.h>
#include "common/array.h"

_Static_assert(sizeof(struct location) == 16, "hashed as bytes: no padding");

void locations_init(struct locations *locations)
{
	*locations = (struct locations){0};
	array_add(locations);
}

void locations_deinit(struct locations *locations)
{
	free(locations->at);
	index_deinit(&locations->index);
	*locations = (struct locations){0};
}

static bool same_location(const void *context, uint32_t number, const void *key)
{
	const struct locations *locations = context;
	return !memcmp(&locations->at[number], key, sizeof(struct location));
}

uint32_t locations_add(struct locations *locations, const struct location *location)
{
	uint64_t hash = index_hash(location, sizeof(*location));
	uint32_t number = index_find(&locations->index, hash, same_location, locations, location);
	if (number)
		return number;
	number = locations->free;
	if (number) {
		locations->free = (uint32_t)locations->at[number].address;
		locations->at[number] = *location;
	} else {
		*array_add(locations) = *location;
		number = locations->n - 1;
	}
	index_add(&locations->index, hash, number);
	return number;
}

void locations_sweep(struct locations *locations, const bool *used)
{
	while (locations->n > 1 && !used[locations->n - 1])
		locations->n--;
	array_shrink(locations);
	locations->free = 0;
	index_deinit(&locations->index);
	for (uint32_t i = locations->n - 1; i > 0; i--) {
		struct location *location = &locations->at[i];
		if (used[i]) {
			index_add(&locations->index, index_hash(location, sizeof(*location)), i);
		} else {
			*location = (struct location){.address = locations->free};
			locations->free = i;
		}
	}
}
