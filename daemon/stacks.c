/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/stacks.h"

#include <stdlib.h>
#include <string.h>
#include "common/array.h"
#include "common/guard.h"
#include "common/memory.h"
#include "daemon/locations.h"
#include "daemon/processes.h"

void stacks_init(struct stacks *stacks, struct locations *locations, struct processes *processes,
		 uint64_t *seen)
{
	*stacks = (struct stacks){.locations = locations, .processes = processes, .seen = seen};
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

void stacks_clear(struct stacks *stacks)
{
	struct stacks old = *stacks;
	stacks_deinit(stacks);
	stacks_init(stacks, old.locations, old.processes, old.seen);
	if (old.seen)
		memset(old.seen, 0, SEEN_MAX * sizeof(*old.seen));
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

static uint64_t image_hash(const struct resolved *resolved)
{
	const uint32_t words[] = {resolved->body, resolved->generation};
	return index_hash(words, sizeof(words));
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

static uint32_t add(struct stacks *stacks, const struct stack *stack)
{
	uint32_t number = stacks->stacks.free;
	if (!number) {
		*array_add(&stacks->stacks) = *stack;
		return stacks->stacks.n - 1;
	}
	stacks->stacks.free = stacks->stacks.at[number].first;
	stacks->stacks.n_free--;
	stacks->stacks.at[number] = *stack;
	return number;
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
	return add(stacks, &stack);
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
		stacks->bodies.at[known].condemned = false;
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
	uint64_t hash = image_hash(&key);
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

uint32_t stacks_count(const struct stacks *stacks)
{
	return stacks->stacks.n - 1 - stacks->stacks.n_free;
}

/* Bodies that are used, in one process at least. */
static bool *used_bodies(const struct stacks *stacks, const bool *used)
{
	bool *bodies = memory_new(stacks->bodies.n, sizeof(*bodies));
	for (uint32_t i = 1; i < stacks->bodies.n; i++)
		bodies[i] = stacks->bodies.at[i].stack && used[stacks->bodies.at[i].stack];
	for (uint32_t i = 1; i < stacks->resolved.n; i++)
		bodies[stacks->resolved.at[i].body] |= used[stacks->resolved.at[i].stack];
	return bodies;
}

static uint64_t bytes_used(const struct stacks *stacks, const bool *used)
{
	uint64_t bytes = 0;
	bool *bodies guard_mem = used_bodies(stacks, used);
	for (uint32_t i = 1; i < stacks->bodies.n; i++)
		if (bodies[i])
			bytes +=
				sizeof(struct body) + stacks->bodies.at[i].n * sizeof(struct frame);
	for (uint32_t i = 1; i < stacks->stacks.n; i++)
		if (used[i])
			bytes += sizeof(struct stack) + stacks->stacks.at[i].n * sizeof(uint32_t);
	return bytes;
}

uint64_t stacks_bytes(const struct stacks *stacks, const bool *used)
{
	if (used)
		return bytes_used(stacks, used);
	return stacks->bodies.n * sizeof(struct body) + stacks->raw.n * sizeof(struct frame) +
	       stacks_count(stacks) * sizeof(struct stack) + stacks->frames.n * sizeof(uint32_t);
}

static uint64_t *seen_slot(const struct stacks *stacks, uint64_t hash)
{
	return &stacks->seen[hash & (SEEN_MAX - 1)];
}

/* Another one may be put there just now, which stays. */
static void take_out(const struct stacks *stacks, uint64_t hash)
{
	if (stacks->seen)
		__atomic_compare_exchange_n(seen_slot(stacks, hash), &hash, 0, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

void stacks_condemn(struct stacks *stacks, const bool *used)
{
	bool *bodies guard_mem = used_bodies(stacks, used);
	for (uint32_t i = 1; i < stacks->bodies.n; i++) {
		struct body *body = &stacks->bodies.at[i];
		body->condemned = !bodies[i];
		if (body->condemned)
			take_out(stacks, body->hash);
	}
}

/* A program may have noted late that it sent it: then samples come without it. */
static bool is_sent(const struct stacks *stacks, const struct body *body)
{
	return stacks->seen &&
	       __atomic_load_n(seen_slot(stacks, body->hash), __ATOMIC_ACQUIRE) == body->hash;
}

/* To new places; numbers[old], 0: it is gone. */
static void sweep_bodies(struct stacks *stacks, const bool *used, uint32_t *numbers)
{
	bool *bodies guard_mem = used_bodies(stacks, used);
	struct stacks old = *stacks;
	memset(&stacks->raw, 0, sizeof(stacks->raw));
	stacks->bodies.n = 1;
	index_deinit(&stacks->by_hash);
	for (uint32_t i = 1; i < old.bodies.n; i++) {
		struct body body = old.bodies.at[i];
		if (body.condemned && !bodies[i] && !is_sent(stacks, &body))
			continue;
		if (!body.stack && body.n) {
			array_reserve(&stacks->raw, body.n);
			memcpy(stacks->raw.at + stacks->raw.n, old.raw.at + body.first,
			       body.n * sizeof(struct frame));
			body.first = stacks->raw.n;
			stacks->raw.n += body.n;
		}
		body.condemned = false;
		numbers[i] = stacks->bodies.n++;
		stacks->bodies.at[numbers[i]] = body;
		index_add(&stacks->by_hash, body.hash, numbers[i]);
	}
	free(old.raw.at);
	array_shrink(&stacks->bodies);
}

/* What a body was in an image is found again where it is needed. */
static void sweep_resolved(struct stacks *stacks, const bool *used, const uint32_t *numbers)
{
	uint32_t n = stacks->resolved.n;
	stacks->resolved.n = 1;
	index_deinit(&stacks->by_image);
	for (uint32_t i = 1; i < n; i++) {
		struct resolved entry = stacks->resolved.at[i];
		if (!used[entry.stack])
			continue;
		entry.body = numbers[entry.body];
		stacks->resolved.at[stacks->resolved.n] = entry;
		index_add(&stacks->by_image, image_hash(&entry), stacks->resolved.n++);
	}
	array_shrink(&stacks->resolved);
}

static void free_stacks(struct stacks *stacks, const bool *kept)
{
	while (stacks->stacks.n > 1 && !kept[stacks->stacks.n - 1])
		stacks->stacks.n--;
	stacks->stacks.free = stacks->stacks.n_free = 0;
	for (uint32_t i = stacks->stacks.n - 1; i > 0; i--) {
		if (kept[i])
			continue;
		stacks->stacks.at[i] = (struct stack){.first = stacks->stacks.free};
		stacks->stacks.free = i;
		stacks->stacks.n_free++;
	}
	array_shrink(&stacks->stacks);
}

/* The frames of those that stay, close together. */
static void move_frames(struct stacks *stacks, const bool *kept)
{
	struct stacks old = *stacks;
	uint64_t n = 0;
	for (uint32_t i = 1; i < stacks->stacks.n; i++)
		n += kept[i] ? stacks->stacks.at[i].n : 0;
	memset(&stacks->frames, 0, sizeof(stacks->frames));
	array_reserve(&stacks->frames, (uint32_t)n);
	for (uint32_t i = 1; i < stacks->stacks.n; i++) {
		struct stack *stack = &stacks->stacks.at[i];
		if (!kept[i])
			continue;
		memcpy(stacks->frames.at + stacks->frames.n, old.frames.at + stack->first,
		       stack->n * sizeof(uint32_t));
		stack->first = stacks->frames.n;
		stacks->frames.n += stack->n;
	}
	free(old.frames.at);
	array_shrink(&stacks->frames);
}

void stacks_sweep(struct stacks *stacks, const bool *used)
{
	bool *kept guard_mem = memory_new(stacks->stacks.n, sizeof(*kept));
	uint32_t *numbers guard_mem = memory_new(stacks->bodies.n, sizeof(*numbers));
	memcpy(kept, used, stacks->stacks.n * sizeof(*kept));
	sweep_bodies(stacks, used, numbers);
	sweep_resolved(stacks, used, numbers);
	for (uint32_t i = 1; i < stacks->bodies.n; i++)
		kept[stacks->bodies.at[i].stack] = true;
	free_stacks(stacks, kept);
	move_frames(stacks, kept);
	bool *located guard_mem = memory_new(stacks->locations->n, sizeof(*located));
	for (uint32_t i = 0; i < stacks->frames.n; i++)
		located[stacks->frames.at[i]] = true;
	locations_sweep(stacks->locations, located);
}
