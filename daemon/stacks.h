/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks as the programs sent them, each once by its hash, and as lists of locations. A body with
 * raw addresses (code that the walk did not know) means something only with a process: it is
 * resolved once for each image that it is sampled in.
 *
 * What nobody uses any more is let go in two steps. The programs remember which bodies they sent
 * (`seen`, bpf/types.h), so these are taken out of there first: condemned. When all has come that
 * was sent before, those that are still not used, and were not sent again, go. The others keep
 * their numbers. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "bpf/types.h"
#include "common/index.h"

struct locations;
struct process;
struct processes;

struct stack {
	uint32_t first, n; /* in frames: locations, leaf first. Of one that is free, the next */
	uint8_t end;	   /* enum walk_end */
};

struct body {
	uint64_t hash;
	uint32_t check;
	uint32_t stack;	   /* resolved, or 0: has raw frames */
	uint32_t first, n; /* in raw */
	uint8_t end;
	bool condemned;
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
		uint32_t free, n_free; /* the first of those that are free; 0: none */
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
	uint64_t *seen;	     /* the programs'; NULL: there are none */
	uint64_t collisions; /* bodies refused: same hash, another check */
};

void stacks_init(struct stacks *stacks, struct locations *locations, struct processes *processes,
		 uint64_t *seen);
void stacks_deinit(struct stacks *stacks);
/* As new: no program runs. */
void stacks_clear(struct stacks *stacks);
/* A body from the ring: event->n_frames lie inside the event (checked by ring.c). */
void stacks_add(struct stacks *stacks, const struct stack_event *event);
/* The stack of a sample; process may be NULL (kernel stacks). 0: no such body, or another check. */
uint32_t stacks_find(struct stacks *stacks, uint64_t hash, uint32_t check, struct process *process);

/* How many there are, and the bytes that they take with their bodies: of all, or (used, by number,
 * not NULL) of those that are used. */
uint32_t stacks_count(const struct stacks *stacks);
uint64_t stacks_bytes(const struct stacks *stacks, const bool *used);
/* The two steps. What is met between them is not condemned any more. */
void stacks_condemn(struct stacks *stacks, const bool *used);
void stacks_sweep(struct stacks *stacks, const bool *used);
