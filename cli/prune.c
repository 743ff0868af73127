/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/prune.h"

#include "cli/errors.h"
#include "common/guard.h"
#include "common/memory.h"
#include "common/profile.h"

#include <ctype.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PATTERN_MAX = 2048,
	DEPTH_MAX = 16,
	NAME_MAX_BYTES = 512, /* longer ones are not matched */
	TEXTS_MAX = 4096,
};

enum cut {
	CUT_NOTHING,
	CUT_BENEATH, /* inlined functions at the leaf's side: gone already */
	CUT_ALL,     /* the location itself, too */
};

static bool repeats(char c)
{
	return c == '*' || c == '+' || c == '?';
}

/* Whether POSIX's expressions say the same as RE2's here, and the C library takes them in little
 * time and memory: counts and nested repetitions multiply what it builds, depth is its stack,
 * references back to groups are tried in every way. Profilers write names, alternatives and `.*`.
 */
static bool is_tame(const char *pattern)
{
	int depth = 0;
	for (const char *at = pattern; *at; at++) {
		const char next = at[1];
		if (at - pattern >= PATTERN_MAX || *at == '{' || (*at == '(' && next == '?') ||
		    (*at == '\\' && isalnum((unsigned char)next)) ||
		    (repeats(*at) && repeats(next)) || (*at == ')' && (next == '*' || next == '+')))
			return false;
		if (*at == '\\' && next)
			at++;
		else if (*at == '(' && ++depth > DEPTH_MAX)
			return false;
		else if (*at == ')')
			depth--;
	}
	return true;
}

/* What the C library keeps of a pattern grows with the texts it has seen: it is made anew after
 * TEXTS_MAX bytes of them. */
struct matcher {
	char *pattern; /* for whole names; NULL: there is none, nothing matches */
	regex_t regex;
	size_t texts;
	bool failed;
};

static bool compile(struct matcher *matcher)
{
	matcher->texts = 0;
	matcher->failed = regcomp(&matcher->regex, matcher->pattern, REG_EXTENDED | REG_NOSUB);
	return !matcher->failed;
}

/* false: it cannot be read, or would cost too much. */
static bool matcher_init(struct matcher *matcher, const char *pattern)
{
	*matcher = (struct matcher){0};
	if (!*pattern)
		return true;
	if (!is_tame(pattern))
		return false;
	if (asprintf(&matcher->pattern, "^(%s)$", pattern) < 0)
		memory_exhausted();
	if (compile(matcher))
		return true;
	free(steal_ptr(matcher->pattern));
	return false;
}

static void matcher_deinit(struct matcher *matcher)
{
	if (matcher->pattern && !matcher->failed)
		regfree(&matcher->regex);
	free(matcher->pattern);
}

static bool matches(struct matcher *matcher, const char *name)
{
	const size_t n = strlen(name);
	if (!matcher->pattern || matcher->failed || n > NAME_MAX_BYTES)
		return false;
	matcher->texts += n;
	if (matcher->texts > TEXTS_MAX) {
		regfree(&matcher->regex);
		if (!compile(matcher))
			return false;
	}
	int code = regexec(&matcher->regex, name, 0, NULL, 0);
	if (code && code != REG_NOMATCH) {
		regfree(&matcher->regex);
		matcher->failed = true;
	}
	return !code;
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
static void find_unwanted(const struct profile *profile, struct matcher *drop, struct matcher *keep,
			  bool *unwanted)
{
	for (uint32_t i = 1; i < profile->functions.n; i++) {
		const char *name = profile_string(profile, profile->functions.at[i].name);
		guard_mem char *simple = strdup(*name == '.' ? name + 1 : name);
		if (!simple)
			memory_exhausted();
		simplify(simple);
		unwanted[i] = *simple && matches(drop, simple) && !matches(keep, simple);
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

static void prune(struct profile *profile, const bool *unwanted)
{
	guard_mem uint8_t *cuts = memory_new((size_t)profile->locations.n + 1, sizeof(uint8_t));
	for (uint32_t i = 1; i < profile->locations.n; i++)
		cuts[i] = (uint8_t)cut_location(profile, &profile->locations.at[i], unwanted);
	for (uint32_t i = 1; i < profile->stacks.n; i++)
		cut_stack(profile, &profile->stacks.at[i], cuts);
}

void prune_profile(struct profile *profile)
{
	const char *drop = profile_string(profile, profile->drop_frames);
	if (!*drop)
		return;
	struct matcher dropped guard(matcher_deinit), kept guard(matcher_deinit);
	const bool d = matcher_init(&dropped, drop);
	const bool k = matcher_init(&kept, profile_string(profile, profile->keep_frames));
	guard_mem bool *unwanted = memory_new((size_t)profile->functions.n + 1, sizeof(bool));
	if (d && k)
		find_unwanted(profile, &dropped, &kept, unwanted);
	if (d && k && !dropped.failed && !kept.failed)
		prune(profile, unwanted);
	else
		errors_note("the file's %s cannot be used as a regular expression: all frames are "
			    "shown",
			    d && !dropped.failed ? "keep_frames" : "drop_frames");
}
