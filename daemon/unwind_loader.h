/* SPDX-License-Identifier: Apache-2.0 */
/* Gets the unwind table of every object that is mapped: asks the symbolizer, places the rows, and
 * lets the mappings of the object name them. When there is no room, objects that nobody maps any
 * more lose theirs. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct objects;
struct spaces;
struct symbolizer;
struct unwind_loader;
struct unwind_tables;

/* All borrowed. `on_ready` is called when nothing is under way any more. */
struct unwind_loader *unwind_loader_new(struct symbolizer *symbolizer, struct objects *objects,
					struct spaces *spaces, struct unwind_tables *tables,
					void (*on_ready)(void *context), void *context);
void unwind_loader_free(struct unwind_loader *loader);

/* Asks for the tables that are wanted since the last call: cheap when there are none. */
void unwind_loader_look(struct unwind_loader *loader);
/* Takes the room of objects that nobody maps; returns how many they were. */
uint32_t unwind_loader_evict(struct unwind_loader *loader);
/* Of one object that nobody maps. */
void unwind_loader_drop(struct unwind_loader *loader, uint32_t object);
/* Nothing is under way. */
bool unwind_loader_is_ready(const struct unwind_loader *loader);

struct unwind_loader_counts {
	uint32_t loaded;  /* objects with a table */
	uint32_t failed;  /* without: no unwind information, or broken */
	uint32_t no_room; /* that had to do without */
	uint32_t evicted;
	uint32_t rows; /* of all */
};
void unwind_loader_count(const struct unwind_loader *loader, struct unwind_loader_counts *counts);
