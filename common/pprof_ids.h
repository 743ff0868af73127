/* SPDX-License-Identifier: Apache-2.0 */
/* From the ids of one kind of object in a file to the profile's numbers. Files mostly count from 1,
 * so ids up to the number of objects are indices of an array; any others are hashed. */
#pragma once

#include "common/profile_table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pprof_ids {
	uint32_t *dense; /* 0: no such id */
	size_t n_dense;
	struct profile_table table;
	struct pprof_sparse_id {
		uint64_t id;
		uint32_t number;
	} * sparse;
	size_t n_sparse, sparse_room;
};

/* `n`: objects expected. */
void pprof_ids_init(struct pprof_ids *ids, size_t n);
void pprof_ids_deinit(struct pprof_ids *ids);
/* False: the id is 0 or taken. */
bool pprof_ids_add(struct pprof_ids *ids, uint64_t id, uint32_t number);
uint32_t pprof_ids_find_sparse(const struct pprof_ids *ids, uint64_t id);
/* The number, 0: none has this id. */
static inline uint32_t pprof_ids_find(const struct pprof_ids *ids, uint64_t id)
{
	return id < ids->n_dense ? ids->dense[id] : pprof_ids_find_sparse(ids, id);
}
