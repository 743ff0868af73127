/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks as the programs sent them, each once by its hash, and as lists of locations. A body with
 * raw addresses (code that the walk did not know) means something only with a process: it is
 * resolved once for each image that it is sampled in. */
#pragma once

#include <stdint.h>
#include "bpf/types.h"
#include "common/index.h"

struct locations;
struct process;
struct processes;

struct stack {
	uint32_t first, n; /* in frames: locations, leaf first */
	uint8_t end;	   /* enum walk_end */
};

struct body {
	uint64_t hash;
	uint32_t check;
	uint32_t stack;	   /* resolved, or 0: has raw frames */
	uint32_t first, n; /* in raw */
	uint8_t end;
};

struct stacks {
	struct {
		struct body *at; /* from 1 */
		uint32_t n, room;
	} bodies;
	struct {
		struct frame *at;
		uint32_t n, room;
	} raw;
	struct {
		struct stack *at; /* from 1 */
		uint32_t n, room;
	} stacks;
	struct {
		uint32_t *at;
		uint32_t n, room;
	} frames;
	struct {
		struct resolved {
			uint32_t body, generation, stack;
		} * at; /* from 1 */
		uint32_t n, room;
	} resolved;
	struct index by_hash, by_image;
	struct locations *locations;
	struct processes *processes;
	uint64_t collisions; /* bodies refused: same hash, another check */
};

void stacks_init(struct stacks *stacks, struct locations *locations, struct processes *processes);
void stacks_deinit(struct stacks *stacks);
/* A body from the ring: event->n_frames lie inside the event (checked by ring.c). */
void stacks_add(struct stacks *stacks, const struct stack_event *event);
/* The stack of a sample; process may be NULL (kernel stacks). 0: no such body, or another check. */
uint32_t stacks_find(struct stacks *stacks, uint64_t hash, uint32_t check, struct process *process);
