/* SPDX-License-Identifier: Apache-2.0 */
#include "common/profile.h"

#include "common/err.h"
#include "common/guard.h"
#include "common/info.pb-c.h"
#include "tests/unit.h"

#include <errno.h>
#include <string.h>

GUARD_DEFINE(profile, struct profile *, profile_free)
#define guard_profile guard(guard_profile)

static uint32_t text(struct profile *profile, const char *string)
{
	return profile_add_string(profile, string, strlen(string));
}

static uint32_t location(struct profile *profile, const char *object, const char *function,
			 uint64_t address)
{
	uint32_t mapping = profile_add_mapping(
		profile, &(struct profile_mapping){.limit = 0x1000, .file = text(profile, object)});
	struct profile_line line = {
		.function = profile_add_function(
			profile, &(struct profile_function){.name = text(profile, function)})};
	return profile_add_location(
		profile, &(struct profile_location){.mapping = mapping, .address = address}, &line,
		1);
}

/* One row: `leaf` called by main, on thread `tid`, one sample of 10 ms. */
static void row(struct profile *profile, const char *leaf, int64_t tid)
{
	const int64_t values[PROFILE_COLUMNS] = {1, 10000000, 0, 0, 0, 10000000};
	uint32_t frames[] = {location(profile, "/bin/a", leaf, 0x10),
			     location(profile, "/bin/a", "main", 0x20)};
	struct profile_label labels[] = {
		{.key = text(profile, "tid"), .number = tid},
		{.key = text(profile, "comm"), .text = text(profile, "a")}};
	profile_add_row(profile, profile_add_stack(profile, frames, 2),
			profile_add_labels(profile, labels, 2), values);
}

static void interns_strings(void)
{
	struct profile *profile guard_profile = profile_new();
	CU_ASSERT_EQUAL(text(profile, ""), 0);
	CU_ASSERT_STRING_EQUAL(profile_string(profile, 0), "");
	uint32_t a = text(profile, "a"), ab = text(profile, "ab");
	CU_ASSERT_NOT_EQUAL(a, ab);
	CU_ASSERT_EQUAL(text(profile, "a"), a);
	CU_ASSERT_EQUAL(profile_add_string(profile, "abc", 2), ab);
	CU_ASSERT_STRING_EQUAL(profile_string(profile, profile_add_string(profile, "x\0y", 3)),
			       "x y");
	CU_ASSERT_EQUAL(text(profile, "x y"), profile_add_string(profile, "x\0y", 3));
	for (int i = 0; i < 20000; i++) {
		char name[16];
		uint32_t first = profile->strings.n;
		snprintf(name, sizeof(name), "name%d", i);
		CU_ASSERT_EQUAL(text(profile, name), first);
		CU_ASSERT_EQUAL(text(profile, name), first);
	}
	CU_ASSERT_STRING_EQUAL(profile_string(profile, a), "a");
}

static void interns_objects(void)
{
	struct profile *profile guard_profile = profile_new_ours();
	uint32_t a = location(profile, "/bin/a", "f", 1);
	CU_ASSERT_EQUAL(a, 1);
	CU_ASSERT_EQUAL(location(profile, "/bin/a", "f", 1), a);
	CU_ASSERT_NOT_EQUAL(location(profile, "/bin/a", "f", 2), a);
	CU_ASSERT_NOT_EQUAL(location(profile, "/bin/a", "g", 1), a);
	CU_ASSERT_NOT_EQUAL(location(profile, "/bin/b", "f", 1), a);
	CU_ASSERT_EQUAL(profile->mappings.n, 3);
	struct profile_mapping same = profile->mappings.at[1];
	same.has_functions = true;
	CU_ASSERT_EQUAL(profile_add_mapping(profile, &same), 1);
	CU_ASSERT_TRUE(profile->mappings.at[1].has_functions);
	const uint32_t frames[] = {1, 2, 3};
	uint32_t stack = profile_add_stack(profile, frames, 3);
	CU_ASSERT_EQUAL(profile_add_stack(profile, frames, 3), stack);
	CU_ASSERT_NOT_EQUAL(profile_add_stack(profile, frames, 2), stack);
	CU_ASSERT_EQUAL(profile_add_stack(profile, NULL, 0), 0);
	/* A location without lines: an address that nothing is known of. */
	struct profile_location bare = {.address = 7};
	CU_ASSERT_EQUAL(profile_add_location(profile, &bare, NULL, 0),
			profile_add_location(profile, &bare, NULL, 0));
}

static void orders_labels(void)
{
	struct profile *profile guard_profile = profile_new_ours();
	struct profile_label labels[] = {
		{.key = text(profile, "tid"), .number = -7},
		{.key = text(profile, "comm"), .text = text(profile, "x")}};
	struct profile_label swapped[] = {labels[1], labels[0]};
	uint32_t set = profile_add_labels(profile, labels, 2);
	CU_ASSERT_EQUAL(profile_add_labels(profile, swapped, 2), set);
	CU_ASSERT_NOT_EQUAL(profile_add_labels(profile, labels, 1), set);
	CU_ASSERT_EQUAL(profile_add_labels(profile, NULL, 0), 0);
	CU_ASSERT_EQUAL(profile->label.n, 3);
}

static void adds_rows_up(void)
{
	struct profile *profile guard_profile = profile_new_ours();
	row(profile, "f", 1);
	row(profile, "f", 1);
	row(profile, "f", 2);
	CU_ASSERT_EQUAL(profile->rows.n, 2);
	CU_ASSERT_EQUAL(profile->values[COLUMN_SAMPLES], 2);
	CU_ASSERT_EQUAL(profile->values[COLUMN_CPU], 20000000);
	CU_ASSERT_EQUAL(profile->values[PROFILE_COLUMNS + COLUMN_SAMPLES], 1);
	const int64_t most[PROFILE_COLUMNS] = {INT64_MAX, INT64_MIN};
	profile_add_row(profile, 0, 0, most);
	profile_add_row(profile, 0, 0, most);
	CU_ASSERT_EQUAL(profile->values[2 * PROFILE_COLUMNS], INT64_MAX);
	CU_ASSERT_EQUAL(profile->values[2 * PROFILE_COLUMNS + 1], INT64_MIN);
}

static void has_our_columns(void)
{
	struct profile *profile guard_profile = profile_new_ours();
	CU_ASSERT_EQUAL(profile->types.n, PROFILE_COLUMNS);
	CU_ASSERT_EQUAL(profile_find_type(profile, "cpu"), COLUMN_CPU);
	CU_ASSERT_EQUAL(profile_find_type(profile, "wall"), COLUMN_WALL);
	CU_ASSERT_EQUAL(profile_find_type(profile, "space"), -1);
	CU_ASSERT_EQUAL(profile->default_type, COLUMN_CPU);
	CU_ASSERT_STRING_EQUAL(profile_string(profile, profile->period_type.unit), "nanoseconds");
}

static void merges(void)
{
	struct profile *a guard_profile = profile_new_ours();
	struct profile *b guard_profile = profile_new_ours();
	struct profile *into guard_profile = profile_new();
	text(b, "shifts the numbers");
	row(a, "f", 1);
	row(b, "g", 1);
	row(b, "f", 1);
	a->time_ns = 200;
	b->time_ns = 100;
	a->duration_ns = b->duration_ns = 5;
	a->period = -7; /* of a damaged file: what is first stays */
	profile_add_comment(a, text(a, "same"));
	profile_add_comment(b, text(b, "same"));
	CU_ASSERT_EQUAL(profile_merge(into, a, NULL), 0);
	CU_ASSERT_EQUAL(into->period, -7);
	CU_ASSERT_EQUAL(profile_merge(into, b, NULL), 0);
	CU_ASSERT_EQUAL(into->period, 0);
	CU_ASSERT_EQUAL(into->types.n, PROFILE_COLUMNS);
	CU_ASSERT_EQUAL(into->default_type, COLUMN_CPU);
	CU_ASSERT_EQUAL(into->rows.n, 2);
	CU_ASSERT_EQUAL(into->values[COLUMN_SAMPLES], 2);
	CU_ASSERT_EQUAL(into->values[PROFILE_COLUMNS + COLUMN_SAMPLES], 1);
	CU_ASSERT_EQUAL(into->functions.n, 4);
	CU_ASSERT_EQUAL(into->mappings.n, 2);
	CU_ASSERT_EQUAL(into->time_ns, 100);
	CU_ASSERT_EQUAL(into->duration_ns, 10);
	CU_ASSERT_EQUAL(into->comments.n, 1);
	uint32_t leaf = into->frames.at[into->stacks.at[into->rows.at[1].stack].first_frame];
	const struct profile_line *line = &into->lines.at[into->locations.at[leaf].first_line];
	CU_ASSERT_STRING_EQUAL(profile_function_name(into, line->function), "g");
}

static void refuses_other_types(void)
{
	struct profile *ours guard_profile = profile_new_ours();
	struct profile *heap guard_profile = profile_new();
	struct profile *period guard_profile = profile_new_ours();
	struct err err = {0};
	profile_add_type(heap,
			 (struct profile_type){text(heap, "inuse_space"), text(heap, "bytes")});
	CU_ASSERT_EQUAL(profile_merge(ours, heap, &err), -EINVAL);
	CU_ASSERT_TRUE(err_is_set(&err));
	period->period_type.type = text(period, "wall");
	uint32_t strings = ours->strings.n;
	CU_ASSERT_EQUAL(profile_merge(ours, period, NULL), -EINVAL);
	CU_ASSERT_EQUAL(ours->strings.n, strings);
}

static Probe__Info *new_info(const char *name, const char *module, uint64_t value)
{
	Probe__Counter counter = PROBE__COUNTER__INIT;
	Probe__Counter *counters[] = {&counter};
	Probe__ThreadTimes thread = PROBE__THREAD_TIMES__INIT;
	Probe__ThreadTimes *threads[] = {&thread};
	Probe__Info info = PROBE__INFO__INIT;
	counter.name = (char *)name;
	counter.module = (char *)module;
	counter.value = value;
	thread.has_tid = thread.has_samples = true;
	thread.tid = (uint32_t)value;
	thread.samples = 3;
	info.name = (char *)name;
	info.has_samples = info.has_hz = true;
	info.samples = 10;
	info.hz = 99;
	info.n_lost = info.n_thread = 1;
	info.lost = counters;
	info.thread = threads;
	size_t bytes = probe__info__get_packed_size(&info);
	uint8_t packed[512];
	CU_ASSERT(bytes <= sizeof(packed));
	probe__info__pack(&info, packed);
	return probe__info__unpack(NULL, bytes, packed);
}

static void merges_info(void)
{
	struct profile *into guard_profile = profile_new_ours();
	struct profile *from guard_profile = profile_new_ours();
	CU_ASSERT_EQUAL(profile_merge(into, from, NULL), 0);
	CU_ASSERT_PTR_NULL(into->info);
	into->info = new_info("ring full", NULL, 4);
	from->info = new_info("ring full", NULL, 4);
	CU_ASSERT_EQUAL(profile_merge(into, from, NULL), 0);
	CU_ASSERT_EQUAL(into->info->n_lost, 1);
	CU_ASSERT_EQUAL(into->info->lost[0]->value, 8);
	CU_ASSERT_EQUAL(into->info->n_thread, 1);
	CU_ASSERT_EQUAL(into->info->thread[0]->samples, 6);
	CU_ASSERT_EQUAL(into->info->samples, 20);
	CU_ASSERT_EQUAL(into->info->hz, 99);
	CU_ASSERT_STRING_EQUAL(into->info->name, "ring full");
	probe__info__free_unpacked(from->info, NULL);
	from->info = new_info("ring full", "libc", 5);
	CU_ASSERT_EQUAL(profile_merge(into, from, NULL), 0);
	CU_ASSERT_EQUAL(into->info->n_lost, 2);
	CU_ASSERT_EQUAL(into->info->n_thread, 2);
	probe__info__free_unpacked(from->info, NULL);
	from->info = new_info("stack full", NULL, 5);
	CU_ASSERT_EQUAL(profile_merge(into, from, NULL), 0);
	CU_ASSERT_EQUAL(into->info->n_lost, 3);
	CU_ASSERT_PTR_NULL(into->info->name);
	CU_ASSERT_EQUAL(into->info->n_notes, 0);
}

static void says_that_info_is_a_part(void)
{
	struct profile *into guard_profile = profile_new_ours();
	struct profile *from guard_profile = profile_new_ours();
	from->info = new_info("ring full", NULL, 4);
	CU_ASSERT_EQUAL(profile_merge(into, from, NULL), 0);
	CU_ASSERT_PTR_NOT_NULL(into->info);
	CU_ASSERT_EQUAL(into->info->lost[0]->value, 4);
	CU_ASSERT_EQUAL(into->info->n_notes, 1);
	probe__info__free_unpacked(from->info, NULL);
	from->info = NULL;
	CU_ASSERT_EQUAL(profile_merge(into, from, NULL), 0);
	CU_ASSERT_EQUAL(into->info->n_notes, 1);
}

static void names_found_later(void)
{
	struct profile *profile guard_profile = profile_new_ours();
	row(profile, "a+0x10", 1);
	row(profile, "a+0x10", 2);
	const uint32_t n = profile->locations.n;
	const struct profile_line lines[2] = {
		{.function = profile_add_function(
			 profile, &(struct profile_function){.name = text(profile, "inlined")}),
		 .line = 7},
		{.function = profile_add_function(
			 profile, &(struct profile_function){.name = text(profile, "leaf")})},
	};
	profile_set_lines(profile, 1, lines, 2);
	CU_ASSERT_EQUAL(profile->locations.n, n);
	CU_ASSERT_EQUAL(profile->rows.n, 2);
	const struct profile_location *first = &profile->locations.at[1];
	CU_ASSERT_EQUAL(first->n_lines, 2);
	CU_ASSERT_EQUAL(first->address, 0x10);
	CU_ASSERT_STRING_EQUAL(
		profile_function_name(profile, profile->lines.at[first->first_line].function),
		"inlined");
	CU_ASSERT_EQUAL(profile->lines.at[first->first_line].line, 7);
}

SUITE(profile, {"names found later", names_found_later}, {"interns strings", interns_strings},
      {"interns objects", interns_objects}, {"orders labels", orders_labels},
      {"adds rows up", adds_rows_up}, {"has our columns", has_our_columns}, {"merges", merges},
      {"refuses other types", refuses_other_types}, {"merges info", merges_info},
      {"says that info is a part", says_that_info_is_a_part});
