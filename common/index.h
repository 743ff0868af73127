/* SPDX-License-Identifier: Apache-2.0 */
/* From a 64-bit hash to the number of something that lies in an array of the caller's: open
 * addressing, linear probing, at most two thirds full. The caller says whether number N is what it
 * looks for; numbers are never 0. Running out of memory ends the process with one line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct index_slot {
	uint64_t hash;
	uint32_t number; /* 0: free */
};
struct index {
	struct index_slot *slots;
	uint32_t room; /* a power of two, or 0 */
	uint32_t n;
};

typedef bool (*index_same)(const void *context, uint32_t number, const void *key);

void index_deinit(struct index *index);
uint64_t index_hash(const void *key, size_t bytes);
/* The number whose hash is this and for which `same` holds; 0: none. */
uint32_t index_find(const struct index *index, uint64_t hash, index_same same, const void *context,
		    const void *key);
/* Adds; the caller has looked that it is not there. */
void index_add(struct index *index, uint64_t hash, uint32_t number);
void index_remove(struct index *index, uint64_t hash, uint32_t number);
