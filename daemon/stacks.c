/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/stacks.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "common/array.h"
#include "daemon/locations.h"
#include "daemon/processes.h"

void stacks_init(struct stacks *stacks, struct locations *locations, struct processes *processes)
{
	*stacks = (struct stacks){.locations = locations, .processes = processes};
	array_add(&stacks->bodies);
	array_add(&stacks->stacks);
	array_add(&stacks->resolved);
}

void stacks_deinit(struct stacks *stacks)
{
	free(stacks->bodies.at);
	free(stacks->raw.at);
	free(stacks->stacks.at);
	free(stacks->frames.at);
	free(stacks->resolved.at);
	index_deinit(&stacks->by_hash);
	index_deinit(&stacks->by_image);
	*stacks = (struct stacks){0};
}

static bool same_body(const void *context, uint32_t number, const void *key)
{
	const struct stacks *stacks = context;
	return stacks->bodies.at[number].hash == *(const uint64_t *)key;
}

static bool same_image(const void *context, uint32_t number, const void *key)
{
	const struct stacks *stacks = context;
	const struct resolved *a = &stacks->resolved.at[number], *b = key;
	return a->body == b->body && a->generation == b->generation;
}

static uint64_t lookup_address(const struct frame *frame)
{
	return frame->address - !(frame->flags & FRAME_EXACT);
}

static uint32_t locate(struct stacks *stacks, const struct frame *frame, struct process *process)
{
	struct location location = {
		.kind = frame->kind == FRAME_KERNEL ? LOCATION_KERNEL
			: frame->kind == FRAME_FILE ? LOCATION_FILE
						    : LOCATION_UNKNOWN,
		.address = lookup_address(frame),
		.object = frame->kind == FRAME_FILE ? frame->object : 0,
	};
	if (location.kind == LOCATION_UNKNOWN && process)
		processes_resolve(stacks->processes, process, location.address, &location);
	return locations_add(stacks->locations, &location);
}

static bool is_unknown(const struct stacks *stacks, uint32_t location)
{
	return stacks->locations->at[location].kind == LOCATION_UNKNOWN;
}

static uint32_t make_stack(struct stacks *stacks, const struct frame *frames, uint32_t n,
			   uint8_t end, struct process *process)
{
	struct stack stack = {.first = stacks->frames.n, .n = n, .end = end};
	array_reserve(&stacks->frames, n);
	for (uint32_t i = 0; i < n; i++)
		stacks->frames.at[stacks->frames.n++] = locate(stacks, &frames[i], process);
	/* What no mapping holds even now was no caller. */
	if (end == WALK_NO_MAPPING && n > 1 &&
	    is_unknown(stacks, stacks->frames.at[stacks->frames.n - 1])) {
		stacks->frames.n--;
		stack.n--;
	}
	*array_add(&stacks->stacks) = stack;
	return stacks->stacks.n - 1;
}

static bool has_raw(const struct stack_event *event)
{
	for (uint32_t i = 0; i < event->n_frames; i++)
		if (event->frames[i].kind == FRAME_RAW)
			return true;
	return false;
}

void stacks_add(struct stacks *stacks, const struct stack_event *event)
{
	uint32_t known = index_find(&stacks->by_hash, event->hash, same_body, stacks, &event->hash);
	if (known) {
		stacks->collisions += stacks->bodies.at[known].check != event->check;
		return;
	}
	struct body body = {.hash = event->hash, .check = event->check, .end = event->end};
	if (has_raw(event)) {
		body.first = stacks->raw.n;
		body.n = event->n_frames;
		array_reserve(&stacks->raw, body.n);
		memcpy(stacks->raw.at + body.first, event->frames, body.n * sizeof(*event->frames));
		stacks->raw.n += body.n;
	} else {
		body.stack = make_stack(stacks, event->frames, event->n_frames, event->end, NULL);
	}
	*array_add(&stacks->bodies) = body;
	index_add(&stacks->by_hash, body.hash, stacks->bodies.n - 1);
}

static uint32_t resolve(struct stacks *stacks, uint32_t number, struct process *process)
{
	struct body *body = &stacks->bodies.at[number];
	struct resolved key = {number, process ? process->generation : 0, 0};
	uint64_t hash = index_hash(&key, sizeof(key));
	uint32_t known = index_find(&stacks->by_image, hash, same_image, stacks, &key);
	if (known)
		return stacks->resolved.at[known].stack;
	key.stack = make_stack(stacks, stacks->raw.at + body->first, body->n, body->end, process);
	*array_add(&stacks->resolved) = key;
	index_add(&stacks->by_image, hash, stacks->resolved.n - 1);
	return key.stack;
}

uint32_t stacks_find(struct stacks *stacks, uint64_t hash, uint32_t check, struct process *process)
{
	uint32_t number = index_find(&stacks->by_hash, hash, same_body, stacks, &hash);
	if (!number || stacks->bodies.at[number].check != check)
		return 0;
	const struct body *body = &stacks->bodies.at[number];
	return body->stack ? body->stack : resolve(stacks, number, process);
}
