/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/prune.h"

#include "common/profile.h"
#include "tests/fixture_profile.h"
#include "tests/unit.h"

#include <string.h>

/* Frames of the only row, by the names of their innermost functions, leaf first. */
static void frames_are(const char *stack, const char *drop, const char *keep, const char *names)
{
	static const int64_t one[PROFILE_COLUMNS] = {1};
	struct profile *profile = profile_new_ours();
	char found[200] = "";
	fixture_profile_row(profile, stack, "a", 1, 1, one);
	profile->drop_frames = profile_add_string(profile, drop, strlen(drop));
	profile->keep_frames = profile_add_string(profile, keep, strlen(keep));
	prune_profile(profile);
	const struct profile_stack *pruned = &profile->stacks.at[profile->rows.at[0].stack];
	for (uint32_t i = 0; i < pruned->n_frames; i++) {
		const struct profile_location *location =
			&profile->locations.at[profile->frames.at[pruned->first_frame + i]];
		uint32_t function = profile->lines.at[location->first_line].function;
		strcat(found, profile_string(profile, profile->functions.at[function].name));
		strcat(found, " ");
	}
	CU_ASSERT_STRING_EQUAL(found, names);
	profile_free(profile);
}

static void cuts_leaves(void)
{
	frames_are("main;f;malloc;g", "", "", "g malloc f main ");
	frames_are("main;f;malloc;g", "malloc", "", "f main ");
	frames_are("main;f;malloc;g", "mall", "", "g malloc f main "); /* whole names */
	frames_are("main;f;malloc;g", "m.*", "", "f main "); /* not before the first other one */
	frames_are("malloc;malloc", "malloc", "", "malloc malloc ");
	frames_are("main;malloc;f;malloc;g", "malloc", "", "main ");
	frames_are("main;f;malloc;g", "malloc|g", "malloc", "malloc f main ");
	frames_are("main;T::g(int);h", "T::g", "", "main "); /* without arguments */
	frames_are("main;operator()(int);h", "operator\\(\\)", "", "main ");
}

static void cuts_what_is_inlined(void)
{
	frames_are("main;f;(m);g", "\\(m\\)", "", "g (m) main "); /* a '(' begins arguments */
	frames_are("main;f;(anonymous namespace);g", "\\(anonymous namespace\\)", "", "f main ");
}

static void cuts_nothing_by_what_it_cannot_read(void)
{
	frames_are("main;f", "f(", "", "f main ");
	frames_are("main;f", "f", "g(", "f main ");
}

/* RE2 reads these otherwise than POSIX. */
static void cuts_nothing_by_another_language(void)
{
	frames_are("main;f", "(?:f|g)", "", "f main ");
	frames_are("main;f", "f\\d*", "", "f main ");
}

/* Each would keep the C library busy, or its stack full. */
static void cuts_nothing_by_what_would_cost_too_much(void)
{
	char nested[2 * 40 + 2] = "", many[6000];
	for (int i = 0; i < 40; i++) {
		nested[i] = '(';
		nested[40 + 1 + i] = ')';
	}
	nested[40] = 'f';
	memset(many, 'f', sizeof(many) - 1);
	memcpy(many, "f|", 2);
	many[sizeof(many) - 1] = '\0';
	frames_are("main;f", "f|((a{1,255}){1,255}){1,255}", "", "f main ");
	frames_are("main;f", nested, "", "f main ");
	frames_are("main;f", "f|(a*)\\1", "", "f main ");
	frames_are("main;f", many, "", "f main ");
	frames_are("main;f", "f|a++", "", "f main ");
	frames_are("main;f", "f|((a+)+)+", "", "f main ");
	frames_are("main;f", "f|\\(\\{", "", "main ");
}

SUITE(prune, {"cuts leaves", cuts_leaves}, {"cuts what is inlined", cuts_what_is_inlined},
      {"cuts nothing by what it cannot read", cuts_nothing_by_what_it_cannot_read},
      {"cuts nothing by another language", cuts_nothing_by_another_language},
      {"cuts nothing by what would cost too much", cuts_nothing_by_what_would_cost_too_much});
