/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pprof_ids.h"

#include "common/memory.h"

#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

void pprof_ids_init(struct pprof_ids *ids, size_t n)
{
	*ids = (struct pprof_ids){.dense = memory_new(n + 1, sizeof(*ids->dense)),
				  .n_dense = n + 1};
}

void pprof_ids_deinit(struct pprof_ids *ids)
{
	free(ids->dense);
	free(ids->table.slots);
	free(ids->sparse);
	*ids = (struct pprof_ids){0};
}

static bool same_id(const void *context, uint32_t at, const void *key)
{
	const struct pprof_ids *ids = context;
	return ids->sparse[at].id == *(const uint64_t *)key;
}

uint32_t pprof_ids_find_sparse(const struct pprof_ids *ids, uint64_t id)
{
	uint64_t hash = XXH3_64bits(&id, sizeof(id));
	uint32_t at = profile_table_find(&ids->table, hash, same_id, ids, &id);
	return at == PROFILE_TABLE_NONE ? 0 : ids->sparse[at].number;
}

bool pprof_ids_add(struct pprof_ids *ids, uint64_t id, uint32_t number)
{
	if (!id || pprof_ids_find(ids, id))
		return false;
	if (id < ids->n_dense) {
		ids->dense[id] = number;
		return true;
	}
	ids->sparse = memory_grow(ids->sparse, &ids->sparse_room, ids->n_sparse + 1,
				  sizeof(*ids->sparse));
	ids->sparse[ids->n_sparse] = (struct pprof_sparse_id){id, number};
	profile_table_add(&ids->table, XXH3_64bits(&id, sizeof(id)), (uint32_t)ids->n_sparse);
	ids->n_sparse++;
	return true;
}
