/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/folded.h"

#include "cli/frames.h"
#include "cli/selection.h"
#include "common/err.h"
#include "common/profile.h"
#include "tests/fixture_profile.h"
#include "tests/unit.h"

#include <stdlib.h>
#include <string.h>

static char *fold(const struct profile *profile, const char *sample, struct folded_options options)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	struct frames *frames guard(guard_frames) = frames_new(profile, FRAMES_FUNCTION);
	struct selection selection guard(selection_deinit) = {0};
	struct selection_wish wish = {.sample = folded_column(profile, sample)};
	struct err err = {0};
	CU_ASSERT_EQUAL(selection_init(&selection, profile, frames, &wish, &err), 0);
	folded_write(out, &selection, &options);
	fclose(out);
	return text;
}

static void counts_samples_of_cpu(void)
{
	struct profile *profile = fixture_profile_nginx();
	char *text = fold(profile, NULL, (struct folded_options){0});
	CU_ASSERT_STRING_EQUAL(text, "nginx;_start;main;parse 40\n"
				     "nginx;_start;main;parse;(next) 10\n"
				     "nginx;_start;main;walk;walk;walk 20\n"
				     "nginx;_start;main;walk;leaf 10\n"
				     "nginx;_start;main;write;copy_user 19\n"
				     "nginx;_start;main;rare;x 1\n");
	free(text);
	text = fold(profile, "cpu", (struct folded_options){.annotate = true, .threads = true});
	CU_ASSERT_STRING_EQUAL(text, "nginx-4242/4242;_start;main;parse 40\n"
				     "nginx-4242/4242;_start;main;parse;(next)_[i] 10\n"
				     "nginx-4242/4242;_start;main;walk;walk;walk 20\n"
				     "nginx-4242/4243;_start;main;walk;leaf 10\n"
				     "nginx-4242/4243;_start;main;write;copy_user_[k] 19\n"
				     "nginx-4242/4243;_start;main;rare;x 1\n");
	free(text);
	profile_free(profile);
}

static void replaces_what_would_split(void)
{
	struct profile *profile = profile_new_ours();
	int64_t values[PROFILE_COLUMNS] = {3, 3};
	fixture_profile_row(profile, "main;a b\n\033[31m\xff", "x;y\r\n", 1, 1, values);
	char *text = fold(profile, NULL, (struct folded_options){0});
	CU_ASSERT_STRING_EQUAL(text, "x:y\\x0d\\x0a;main;a b\\x0a\\x1b[31m\\xff 3\n");
	free(text);
	profile_free(profile);
}

/* Many stacks with odd numbers of nanoseconds: rounding loses nothing. The sum of the counts. */
static int64_t sum_of_counts(const char *text)
{
	int64_t sum = 0;
	for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
		const char *end = strchr(line, '\n');
		while (*end != ' ')
			end--;
		sum += strtoll(end, NULL, 10);
	}
	return sum;
}

static void counts_add_up(void)
{
	struct profile *profile = profile_new_ours();
	int64_t blocked = 0, samples = 0;
	for (int i = 0; i < 500; i++) {
		char stack[64];
		snprintf(stack, sizeof(stack), "main;f%d;g%d;f%d", i % 7, i % 11, i % 13);
		int64_t values[PROFILE_COLUMNS] = {
			[COLUMN_SAMPLES] = i % 3,
			[COLUMN_CPU] = i % 3 * 1000,
			[COLUMN_BLOCKED] = 997 + (i * 7919) % 5000,
		};
		fixture_profile_row(profile, stack, i % 2 ? "a" : "b", 1, i, values);
		blocked += values[COLUMN_BLOCKED];
		samples += values[COLUMN_SAMPLES];
	}
	char *text = fold(profile, "blocked", (struct folded_options){0});
	CU_ASSERT_EQUAL(sum_of_counts(text), blocked / 1000);
	free(text);
	text = fold(profile, "cpu", (struct folded_options){0});
	CU_ASSERT_EQUAL(sum_of_counts(text), samples);
	free(text);
	profile_free(profile);
}

SUITE(folded, {"counts samples of cpu", counts_samples_of_cpu},
      {"replaces what would split", replaces_what_would_split}, {"counts add up", counts_add_up});
