/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/stacks.h"

#include <stdlib.h>
#include <string.h>
#include "daemon/locations.h"
#include "tests/unit.h"

struct body_event {
	struct stack_event event;
	struct frame frames[4];
};

static struct body_event body(uint64_t hash, uint32_t check, uint16_t n)
{
	struct body_event body = {.event = {.event = {.kind = EVENT_STACK},
					    .hash = hash,
					    .check = check,
					    .n_frames = n,
					    .end = WALK_ROOT}};
	for (uint16_t i = 0; i < n; i++)
		body.frames[i] = (struct frame){.address = 0x1000u * (i + 1),
						.object = 7,
						.kind = FRAME_FILE,
						.flags = i ? 0 : FRAME_EXACT};
	return body;
}

static void keeps_the_first_of_a_hash(void)
{
	struct locations locations;
	struct stacks stacks;
	locations_init(&locations);
	stacks_init(&stacks, &locations, NULL, NULL);
	struct body_event first = body(5, 50, 3), other = body(5, 51, 2), next = body(6, 60, 2);
	stacks_add(&stacks, &first.event);
	stacks_add(&stacks, &first.event);
	stacks_add(&stacks, &other.event);
	stacks_add(&stacks, &next.event);
	CU_ASSERT_EQUAL(stacks.collisions, 1);
	uint32_t a = stacks_find(&stacks, 5, 50, NULL), b = stacks_find(&stacks, 6, 60, NULL);
	CU_ASSERT_NOT_EQUAL(a, 0);
	CU_ASSERT_NOT_EQUAL(a, b);
	CU_ASSERT_EQUAL(stacks_find(&stacks, 5, 51, NULL), 0);
	CU_ASSERT_EQUAL(stacks_find(&stacks, 7, 0, NULL), 0);
	CU_ASSERT_EQUAL(stacks.stacks.at[a].n, 3);
	/* Both share the leaf; return addresses are looked up one byte before. */
	const uint32_t *frames = stacks.frames.at + stacks.stacks.at[a].first;
	CU_ASSERT_EQUAL(frames[0], stacks.frames.at[stacks.stacks.at[b].first]);
	CU_ASSERT_EQUAL(locations.at[frames[0]].address, 0x1000);
	CU_ASSERT_EQUAL(locations.at[frames[1]].address, 0x1fff);
	CU_ASSERT_EQUAL(locations.n, 4);
	stacks_deinit(&stacks);
	locations_deinit(&locations);
}

static void raw_frames_without_a_process_are_unknown(void)
{
	struct locations locations;
	struct stacks stacks;
	locations_init(&locations);
	stacks_init(&stacks, &locations, NULL, NULL);
	struct body_event raw = body(9, 90, 2);
	raw.frames[1].kind = FRAME_RAW;
	stacks_add(&stacks, &raw.event);
	uint32_t a = stacks_find(&stacks, 9, 90, NULL);
	CU_ASSERT_NOT_EQUAL(a, 0);
	CU_ASSERT_EQUAL(stacks_find(&stacks, 9, 90, NULL), a);
	uint32_t root = stacks.frames.at[stacks.stacks.at[a].first + 1];
	CU_ASSERT_EQUAL(locations.at[root].kind, LOCATION_UNKNOWN);
	CU_ASSERT_EQUAL(locations.at[root].address, 0x1fff);
	stacks_deinit(&stacks);
	locations_deinit(&locations);
}

/* A walk that went where no mapping is ends before: what it met there was no caller. A leaf there
 * is all that there is. */
static void drops_what_was_no_caller(void)
{
	struct locations locations;
	struct stacks stacks;
	locations_init(&locations);
	stacks_init(&stacks, &locations, NULL, NULL);
	for (uint16_t n = 1; n <= 3; n++) {
		struct body_event nowhere = body(n, 90, n), whole = body(10 + n, 90, n);
		nowhere.frames[n - 1].kind = whole.frames[n - 1].kind = FRAME_RAW;
		nowhere.event.end = WALK_NO_MAPPING;
		stacks_add(&stacks, &nowhere.event);
		stacks_add(&stacks, &whole.event);
		uint32_t a = stacks_find(&stacks, n, 90, NULL);
		uint32_t b = stacks_find(&stacks, 10 + n, 90, NULL);
		CU_ASSERT_EQUAL(stacks.stacks.at[a].n, n > 1 ? n - 1u : 1u);
		CU_ASSERT_EQUAL(stacks.stacks.at[b].n, n);
	}
	stacks_deinit(&stacks);
	locations_deinit(&locations);
}

enum {
	BODIES = 2000,
	ROUNDS = 8,
};

/* Stacks of recordings that come and go; `number` 0: of none. */
struct scene {
	struct locations locations;
	struct stacks stacks;
	uint64_t *seen;
	uint32_t number[BODIES];
	uint32_t random;
};

static struct body_event body_of(uint32_t i)
{
	struct body_event event = body(0x9e3779b97f4a7c15ull * (i + 1), i, (uint16_t)(i % 5));
	for (uint16_t k = 0; k < event.event.n_frames; k++) {
		event.frames[k].address = 0x100ull * i + k;
		if (i % 3 == 0 && k == 1)
			event.frames[k].kind = FRAME_RAW;
	}
	return event;
}

/* As a program does, and its sample is drained. */
static void meet(struct scene *scene, uint32_t i)
{
	struct body_event event = body_of(i);
	uint64_t *last = &scene->seen[event.event.hash % SEEN_MAX];
	if (*last != event.event.hash)
		stacks_add(&scene->stacks, &event.event);
	*last = event.event.hash;
	uint32_t number = stacks_find(&scene->stacks, event.event.hash, i, NULL);
	CU_ASSERT(number && (!scene->number[i] || scene->number[i] == number));
	scene->number[i] = number;
}

static bool chance(struct scene *scene, uint32_t in)
{
	scene->random = scene->random * 1664525 + 1013904223;
	return (scene->random >> 16) % in == 0;
}

static bool *used_of(const struct scene *scene)
{
	bool *used = calloc(scene->stacks.stacks.n, sizeof(*used));
	for (uint32_t i = 0; i < BODIES; i++)
		used[scene->number[i]] = scene->number[i] != 0;
	return used;
}

static void assert_whole(const struct scene *scene, uint32_t i)
{
	const struct stack *stack = &scene->stacks.stacks.at[scene->number[i]];
	struct body_event event = body_of(i);
	CU_ASSERT_EQUAL(stack->n, event.event.n_frames);
	for (uint32_t k = 0; k < stack->n; k++) {
		uint32_t number = scene->stacks.frames.at[stack->first + k];
		const struct location *location = &scene->locations.at[number];
		CU_ASSERT_EQUAL(location->address, event.frames[k].address - (k != 0));
		CU_ASSERT_EQUAL(location->kind, event.frames[k].kind == FRAME_RAW
							? (uint32_t)LOCATION_UNKNOWN
							: (uint32_t)LOCATION_FILE);
	}
}

/* Some recordings end; between the steps some of what is condemned is met again. */
static void let_go(struct scene *scene)
{
	for (uint32_t i = 0; i < BODIES; i++)
		if (chance(scene, 2))
			scene->number[i] = 0;
	bool *used = used_of(scene);
	stacks_condemn(&scene->stacks, used);
	free(used);
	for (uint32_t i = 0; i < BODIES; i++)
		if (chance(scene, 5))
			meet(scene, i);
	used = used_of(scene);
	uint64_t bytes = stacks_bytes(&scene->stacks, used);
	stacks_sweep(&scene->stacks, used);
	/* All that is left is used: what was met again is. */
	CU_ASSERT(stacks_bytes(&scene->stacks, NULL) <= bytes + sizeof(struct body));
	free(used);
}

static void lets_go_what_is_not_used(void)
{
	static struct scene scene;
	scene.random = 7;
	scene.seen = calloc(SEEN_MAX, sizeof(*scene.seen));
	locations_init(&scene.locations);
	stacks_init(&scene.stacks, &scene.locations, NULL, scene.seen);
	for (int round = 0; round < ROUNDS; round++) {
		for (uint32_t i = 0; i < BODIES; i++)
			meet(&scene, i);
		CU_ASSERT_EQUAL(stacks_count(&scene.stacks), BODIES);
		CU_ASSERT_EQUAL(scene.stacks.stacks.n, BODIES + 1);
		let_go(&scene);
		uint32_t n = 0;
		for (uint32_t i = 0; i < BODIES; i++) {
			n += scene.number[i] != 0;
			if (scene.number[i])
				assert_whole(&scene, i);
		}
		CU_ASSERT_EQUAL(stacks_count(&scene.stacks), n);
		CU_ASSERT(n > BODIES / 4 && n < BODIES);
	}
	stacks_deinit(&scene.stacks);
	locations_deinit(&scene.locations);
	free(scene.seen);
}

/* A program on another CPU noted late that it had sent the body: samples come without it. */
static void keeps_what_programs_will_not_send(void)
{
	struct locations locations;
	struct stacks stacks;
	uint64_t *seen = calloc(SEEN_MAX, sizeof(*seen));
	bool used[4] = {0};
	locations_init(&locations);
	stacks_init(&stacks, &locations, NULL, seen);
	struct body_event late = body(5, 50, 3), gone = body(6, 60, 2);
	stacks_add(&stacks, &late.event);
	stacks_add(&stacks, &gone.event);
	seen[6] = 6;
	stacks_condemn(&stacks, used);
	CU_ASSERT_EQUAL(seen[6], 0);
	seen[5] = 5;
	stacks_sweep(&stacks, used);
	CU_ASSERT_NOT_EQUAL(stacks_find(&stacks, 5, 50, NULL), 0);
	CU_ASSERT_EQUAL(stacks_find(&stacks, 6, 60, NULL), 0);
	CU_ASSERT_EQUAL(stacks_count(&stacks), 1);
	/* Nobody uses it still: the next time. */
	stacks_condemn(&stacks, used);
	stacks_sweep(&stacks, used);
	CU_ASSERT_EQUAL(stacks_count(&stacks), 0);
	CU_ASSERT_EQUAL(locations.n, 1);
	stacks_deinit(&stacks);
	locations_deinit(&locations);
	free(seen);
}

SUITE(stacks, {"keeps the first of a hash", keeps_the_first_of_a_hash},
      {"raw frames without a process are unknown", raw_frames_without_a_process_are_unknown},
      {"drops what was no caller", drops_what_was_no_caller},
      {"lets go what is not used", lets_go_what_is_not_used},
      {"keeps what programs will not send", keeps_what_programs_will_not_send});
