/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/build_rows.h"

#include <stdlib.h>
#include <string.h>
#include "common/profile.h"
#include "daemon/build.h"
#include "daemon/locations.h"
#include "daemon/sampler.h"
#include "daemon/session.h"
#include "tests/unit.h"

/* A sampler that knows one user stack of two frames, "leaf;x" inlined into "mid" and "root". */
struct world {
	struct sampler sampler;
	struct session session;
	Probe__Record request;
	struct profile *profile;
	uint32_t located[8];
	bool named[8];
};

static uint32_t function(struct profile *profile, const char *name)
{
	return profile_add_function(
		profile, &(struct profile_function){
				 .name = profile_add_string(profile, name, strlen(name))});
}

static uint32_t world_init(struct world *w)
{
	*w = (struct world){.profile = profile_new_ours()};
	locations_init(&w->sampler.locations);
	stacks_init(&w->sampler.stacks, &w->sampler.locations, NULL, NULL);
	members_init(&w->session.members);
	threads_init(&w->session.threads);
	tally_init(&w->session.tally, &w->session.threads);
	w->session.request = &w->request;
	w->request = (Probe__Record)PROBE__RECORD__INIT;
	w->request.mode = PROBE__RECORD__MODE__WALL;
	w->session.period_ns = 10000000;
	struct {
		struct stack_event event;
		struct frame frames[2];
	} body = {.event = {.hash = 5, .n_frames = 2, .end = WALK_ROOT}};
	for (int i = 0; i < 2; i++)
		body.frames[i] =
			(struct frame){.address = 16u + i, .object = 1, .kind = FRAME_FILE};
	stacks_add(&w->sampler.stacks, &body.event);
	const struct profile_line leaf[] = {{.function = function(w->profile, "leaf;x")},
					    {.function = function(w->profile, "mid")}};
	const struct profile_line root = {.function = function(w->profile, "root")};
	w->located[1] = profile_add_location(w->profile, &(struct profile_location){.address = 15},
					     leaf, 2);
	w->located[2] = profile_add_location(w->profile, &(struct profile_location){.address = 16},
					     &root, 1);
	w->named[1] = true;
	return stacks_find(&w->sampler.stacks, 5, 0, NULL);
}

static void world_deinit(struct world *w)
{
	tally_deinit(&w->session.tally);
	threads_deinit(&w->session.threads);
	members_deinit(&w->session.members);
	stacks_deinit(&w->sampler.stacks);
	locations_deinit(&w->sampler.locations);
	profile_free(w->profile);
}

/* NULL: the row has no such label, or a number. */
static const char *label_of(const struct profile *profile, uint32_t row, const char *key)
{
	const struct profile_labels *set = &profile->label_sets.at[profile->rows.at[row].labels];
	for (uint32_t i = 0; i < set->n_labels; i++) {
		const struct profile_label *label = &profile->label.at[set->first_label + i];
		if (!strcmp(profile_string(profile, label->key), key))
			return label->text ? profile_string(profile, label->text) : NULL;
	}
	return NULL;
}

static void labels_waits(void)
{
	struct world w;
	uint32_t stack = world_init(&w);
	w.session.tally.with_wakers = true;
	struct wait_event wait = {.sample = {.event.kind = EVENT_WAIT,
					     .time_ns = 1000,
					     .period = 10000000,
					     .tgid = 7,
					     .tid = 8,
					     .comm = "t\n"},
				  .blocked_ns = 200,
				  .runnable_ns = 50,
				  .period_ns = 500,
				  .waker_tid = 9,
				  .waker_comm = "w\x1b",
				  .state = WAIT_DISK};
	const struct tally_stacks stacks = {.user = stack, .waker = stack};
	tally_add(&w.session.tally, &wait.sample, (struct tally_stacks){.user = stack},
		  WAIT_RUNNING);
	tally_add_wait(&w.session.tally, &wait, stacks, 0, 10000);
	wait.waker_tid = 0;
	tally_add_wait(&w.session.tally, &wait, (struct tally_stacks){.user = stack}, 0, 10000);
	struct build_result result = {0};
	build_rows(w.profile, &w.sampler, &w.session, w.located, w.named, &result);
	CU_ASSERT_EQUAL(w.profile->rows.n, 3);
	CU_ASSERT_EQUAL(result.samples, 1);
	CU_ASSERT_EQUAL(result.whole, 1);
	CU_ASSERT_EQUAL(result.named, 1);
	if (w.profile->rows.n == 3) {
		static const int64_t expected[3][PROFILE_COLUMNS] = {
			{1, 10000000, 0, 0, 0, 10000000},
			{0, 0, 2, 400, 100, 500},
			{0, 0, 2, 400, 100, 500},
		};
		CU_ASSERT_EQUAL(memcmp(w.profile->values, expected, sizeof(expected)), 0);
		CU_ASSERT_PTR_NULL(label_of(w.profile, 0, "state"));
		CU_ASSERT_PTR_NULL(label_of(w.profile, 0, "waker"));
		CU_ASSERT_STRING_EQUAL(label_of(w.profile, 1, "state"), "disk sleep");
		CU_ASSERT_STRING_EQUAL(label_of(w.profile, 1, "thread_name"), "t\\x0a");
		CU_ASSERT_STRING_EQUAL(label_of(w.profile, 1, "waker"), "w\\x1b (9)");
		CU_ASSERT_STRING_EQUAL(label_of(w.profile, 1, "waker_stack"), "leaf:x;mid;root");
		CU_ASSERT_STRING_EQUAL(label_of(w.profile, 2, "waker"), "[interrupt]");
		CU_ASSERT_PTR_NULL(label_of(w.profile, 2, "waker_stack"));
	}
	world_deinit(&w);
}

/* Walks that were cut say so in a root of their own; one that was not walked counts neither as
 * whole nor as not. */
static void tells_what_was_cut(void)
{
	struct world w;
	uint32_t whole = world_init(&w);
	struct {
		struct stack_event event;
		struct frame frames[1];
	} deep = {.event = {.hash = 6, .n_frames = 1, .end = WALK_DEPTH},
		  .frames = {{.address = 17, .object = 1, .kind = FRAME_FILE}}};
	stacks_add(&w.sampler.stacks, &deep.event);
	uint32_t cut = stacks_find(&w.sampler.stacks, 6, 0, NULL);
	const struct sample_event sample = {.period = 10000000, .tgid = 7, .tid = 8, .comm = "t"};
	for (int i = 0; i < 3; i++)
		tally_add(&w.session.tally, &sample, (struct tally_stacks){.user = whole},
			  WAIT_RUNNING);
	tally_add(&w.session.tally, &sample, (struct tally_stacks){.user = cut}, WAIT_RUNNING);
	tally_add(&w.session.tally, &sample, (struct tally_stacks){0}, WAIT_RUNNING);
	struct build_result result = {0};
	build_rows(w.profile, &w.sampler, &w.session, w.located, w.named, &result);
	CU_ASSERT_EQUAL_FATAL(w.profile->rows.n, 3);
	CU_ASSERT_EQUAL(result.samples, 5);
	CU_ASSERT_DOUBLE_EQUAL(result.whole, 3. / 4, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(result.named, 4. / 5,
			       1e-9); /* without a frame none lacks its name */
	const struct profile_stack *stack = &w.profile->stacks.at[w.profile->rows.at[1].stack];
	CU_ASSERT_EQUAL_FATAL(stack->n_frames, 2);
	const struct profile_location *root =
		&w.profile->locations.at[w.profile->frames.at[stack->first_frame + 1]];
	CU_ASSERT_STRING_EQUAL(
		profile_function_name(w.profile, w.profile->lines.at[root->first_line].function),
		"[truncated]");
	world_deinit(&w);
}

/* By the program's own function: the kernel's above it has a name anyway. Samples go before waits.
 */
static void tells_what_has_no_name(void)
{
	struct world w;
	uint32_t named = world_init(&w), found;
	struct {
		struct stack_event event;
		struct frame frames[1];
	} body = {.event = {.hash = 7, .n_frames = 1, .end = WALK_ROOT},
		  .frames = {{.address = 99, .object = 4, .kind = FRAME_FILE}}};
	stacks_add(&w.sampler.stacks, &body.event);
	uint32_t nameless = stacks_find(&w.sampler.stacks, 7, 0, NULL);
	const struct sample_event sample = {.period = 10000000, .tgid = 7, .tid = 8, .comm = "t"};
	const struct wait_event wait = {
		.sample = {.event.kind = EVENT_WAIT, .time_ns = 1000, .tgid = 7, .tid = 8},
		.blocked_ns = 200,
		.period_ns = 1,
		.state = WAIT_DISK};
	struct build_result result = {0};
	tally_add_wait(&w.session.tally, &wait, (struct tally_stacks){.user = named}, 0, 10000);
	tally_add_wait(&w.session.tally, &wait, (struct tally_stacks){named, nameless}, 0, 10000);
	found = build_rows(w.profile, &w.sampler, &w.session, w.located, w.named, &result);
	CU_ASSERT(found == 4 && result.named == 0.5);
	for (int i = 0; i < 3; i++)
		tally_add(&w.session.tally, &sample, (struct tally_stacks){.user = nameless},
			  WAIT_RUNNING);
	tally_add(&w.session.tally, &sample, (struct tally_stacks){.kernel = named}, WAIT_RUNNING);
	found = build_rows(w.profile, &w.sampler, &w.session, w.located, w.named, &result);
	CU_ASSERT(found == 4 && result.named == 0.25);
	w.named[3] = true;
	found = build_rows(w.profile, &w.sampler, &w.session, w.located, w.named, &result);
	CU_ASSERT(found == 0 && result.named == 1);
	world_deinit(&w);
}

/* Estimates are rounded to whole nanoseconds. */
static void rounds_to_the_nearest(void)
{
	struct world w;
	uint32_t stack = world_init(&w);
	/* 200 and 50 ns, which stand for 333 / 250 of that: 266.4 and 66.6; then 202: 266.9, 66.1
	 */
	struct wait_event wait = {
		.sample = {.event.kind = EVENT_WAIT, .time_ns = 1000, .tgid = 7, .tid = 8},
		.blocked_ns = 200,
		.runnable_ns = 50,
		.period_ns = 333,
		.state = WAIT_DISK};
	tally_add_wait(&w.session.tally, &wait, (struct tally_stacks){.user = stack}, 0, 10000);
	wait.blocked_ns = 202;
	tally_add_wait(&w.session.tally, &wait, (struct tally_stacks){0}, 0, 10000);
	struct build_result result = {0};
	build_rows(w.profile, &w.sampler, &w.session, w.located, w.named, &result);
	static const int64_t expected[2][PROFILE_COLUMNS] = {{0, 0, 1, 266, 67, 333},
							     {0, 0, 1, 267, 66, 333}};
	CU_ASSERT_EQUAL_FATAL(w.profile->rows.n, 2);
	CU_ASSERT_EQUAL(memcmp(w.profile->values, expected, sizeof(expected)), 0);
	world_deinit(&w);
}

SUITE(build_rows, {"labels waits", labels_waits}, {"tells what was cut", tells_what_was_cut},
      {"tells what has no name", tells_what_has_no_name},
      {"rounds to the nearest", rounds_to_the_nearest});
