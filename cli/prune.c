/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/prune.h"

#include "cli/errors.h"
#include "common/guard.h"
#include "common/memory.h"
#include "common/profile.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PATTERN_MAX = 4096,
	DEPTH_MAX = 32,
};

enum cut {
	CUT_NOTHING,
	CUT_BENEATH, /* inlined functions at the leaf's side: gone already */
	CUT_ALL,     /* the location itself, too */
};

/* Whether the C library takes it in little time and memory: counts multiply what it builds, depth
 * is its stack, and references back to groups are tried in every way. Those that profilers write
 * are names and alternatives of some hundred bytes. */
static bool is_tame(const char *pattern)
{
	int depth = 0;
	for (const char *at = pattern; *at; at++) {
		if (at - pattern >= PATTERN_MAX || *at == '{')
			return false;
		if (*at == '\\' && at[1] >= '1' && at[1] <= '9')
			return false;
		if (*at == '\\' && at[1])
			at++;
		else if (*at == '(' && ++depth > DEPTH_MAX)
			return false;
		else if (*at == ')')
			depth--;
	}
	return true;
}

/* Whole names. false: it cannot be read, or would cost too much. */
static bool compile(regex_t *regex, const char *pattern)
{
	if (!is_tame(pattern))
		return false;
	guard_mem char *whole = NULL;
	if (asprintf(&whole, "^(%s)$", pattern) < 0)
		memory_exhausted();
	return !regcomp(regex, whole, REG_EXTENDED | REG_NOSUB);
}

/* Without arguments: up to the first '(' that is none of C++'s own. */
static void simplify(char *name)
{
	static const char *const reserved[] = {"(anonymous namespace)", "operator()"};
	for (char *at = name; *at; at++) {
		size_t skip = 0;
		for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
			if (!strncmp(at, reserved[i], strlen(reserved[i])))
				skip = strlen(reserved[i]);
		if (skip) {
			at += skip - 1;
		} else if (*at == '(') {
			*at = '\0';
			return;
		}
	}
}

/* Sets, for each function, whether it is unwanted. */
static void find_unwanted(const struct profile *profile, const regex_t *drop, const regex_t *keep,
			  bool *unwanted)
{
	for (uint32_t i = 1; i < profile->functions.n; i++) {
		const char *name = profile_string(profile, profile->functions.at[i].name);
		guard_mem char *simple = strdup(*name == '.' ? name + 1 : name);
		if (!simple)
			memory_exhausted();
		simplify(simple);
		unwanted[i] = *simple && !regexec(drop, simple, 0, NULL, 0) &&
			      (!keep || regexec(keep, simple, 0, NULL, 0));
	}
}

static enum cut cut_location(const struct profile *profile, struct profile_location *location,
			     const bool *unwanted)
{
	for (uint32_t i = location->n_lines; i > 0; i--) {
		if (!unwanted[profile->lines.at[location->first_line + i - 1].function])
			continue;
		if (i == location->n_lines)
			return CUT_ALL;
		location->first_line += i;
		location->n_lines -= i;
		return CUT_BENEATH;
	}
	return CUT_NOTHING;
}

static void cut_stack(const struct profile *profile, struct profile_stack *stack,
		      const uint8_t *cuts)
{
	bool found = false;
	for (uint32_t i = stack->n_frames; i > 0; i--) {
		enum cut cut = cuts[profile->frames.at[stack->first_frame + i - 1]];
		found |= cut == CUT_NOTHING;
		if (cut == CUT_NOTHING || !found)
			continue;
		uint32_t gone = cut == CUT_ALL ? i : i - 1;
		stack->first_frame += gone;
		stack->n_frames -= gone;
		return;
	}
}

static void prune(struct profile *profile, const regex_t *drop, const regex_t *keep)
{
	guard_mem bool *unwanted = memory_new((size_t)profile->functions.n + 1, sizeof(bool));
	guard_mem uint8_t *cuts = memory_new((size_t)profile->locations.n + 1, sizeof(uint8_t));
	find_unwanted(profile, drop, keep, unwanted);
	for (uint32_t i = 1; i < profile->locations.n; i++)
		cuts[i] = (uint8_t)cut_location(profile, &profile->locations.at[i], unwanted);
	for (uint32_t i = 1; i < profile->stacks.n; i++)
		cut_stack(profile, &profile->stacks.at[i], cuts);
}

void prune_profile(struct profile *profile)
{
	const char *drop = profile_string(profile, profile->drop_frames);
	const char *keep = profile_string(profile, profile->keep_frames);
	regex_t dropped, kept;
	if (!*drop)
		return;
	if (!compile(&dropped, drop)) {
		errors_note("the file's drop_frames cannot be used as a regular expression: all "
			    "frames are shown");
		return;
	}
	if (!*keep) {
		prune(profile, &dropped, NULL);
	} else if (compile(&kept, keep)) {
		prune(profile, &dropped, &kept);
		regfree(&kept);
	} else {
		errors_note("the file's keep_frames cannot be used as a regular expression: all "
			    "frames are shown");
	}
	regfree(&dropped);
}
