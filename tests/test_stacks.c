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
	stacks_init(&stacks, &locations, NULL);
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
	stacks_init(&stacks, &locations, NULL);
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

SUITE(stacks, {"keeps the first of a hash", keeps_the_first_of_a_hash},
      {"raw frames without a process are unknown", raw_frames_without_a_process_are_unknown});
