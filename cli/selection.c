/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/selection.h"

#include "cli/frames.h"
#include "common/err.h"
#include "common/info.pb-c.h"
#include "common/memory.h"
#include "common/nearest.h"

#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

/* Columns that a recording of this mode has no measurement of; they are all zero there. */
static bool is_measured(const struct profile *profile, uint32_t column)
{
	if (!profile->info || !profile->info->mode)
		return true;
	const char *mode = profile->info->mode;
	const char *type = profile_string(profile, profile->types.at[column].type);
	static const char *const not_in_cpu[] = {"offcpu_events", "blocked", "runnable", "wall"};
	static const char *const not_in_off[] = {"samples", "cpu", "wall"};
	for (size_t i = 0; i < 4 && !strcmp(mode, "cpu"); i++)
		if (!strcmp(type, not_in_cpu[i]))
			return false;
	for (size_t i = 0; i < 3 && !strcmp(mode, "off"); i++)
		if (!strcmp(type, not_in_off[i]))
			return false;
	return true;
}

static int no_such_column(const struct profile *profile, const char *sample, struct err *err)
{
	char list[200] = "";
	struct nearest nearest = nearest_init(sample);
	for (uint32_t i = 0; i < profile->types.n; i++) {
		const char *type = profile_string(profile, profile->types.at[i].type);
		size_t used = strlen(list);
		snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", type);
		nearest_try(&nearest, type);
	}
	err_set(err, -EINVAL, ERR_USAGE, "no sample type \"%s\" in this profile", sample);
	if (nearest.best)
		err_hint(err, "did you mean --sample %s? There are: %s", nearest.best, list);
	err_hint(err, "there are: %s", list);
	return -EINVAL;
}

int selection_column(const struct profile *profile, const char *sample, uint32_t *column,
		     struct err *err)
{
	if (!profile->types.n)
		return err_set(err, -EINVAL, ERR_FAILED, "the profile has no sample types");
	int found = sample ? profile_find_type(profile, sample) : (int)profile->default_type;
	if (found < 0)
		return no_such_column(profile, sample, err);
	*column = (uint32_t)found;
	if (is_measured(profile, *column))
		return 0;
	err_set(err, -EINVAL, ERR_USAGE, "%s: not measured (recorded with --mode %s)",
		profile_string(profile, profile->types.at[*column].type), profile->info->mode);
	err_hint(err, "record with another --mode");
	return -EINVAL;
}

static bool has_any(const struct profile *profile, uint32_t column)
{
	for (uint32_t row = 0; row < profile->rows.n; row++)
		if (profile->values[(size_t)row * profile->types.n + column])
			return true;
	return false;
}

bool selection_wish_something(struct selection_wish *wish, const struct profile *profile)
{
	int blocked = profile_find_type(profile, "blocked");
	if (wish->sample || blocked < 0 ||
	    profile_find_type(profile, "cpu") != (int)profile->default_type ||
	    has_any(profile, profile->default_type) || !has_any(profile, (uint32_t)blocked))
		return false;
	wish->sample = "blocked";
	return true;
}

/* Which keys a regular expression matches; NULL: none is wished. */
static int match_keys(const struct frames *frames, const char *pattern, bool **matches,
		      struct err *err)
{
	*matches = NULL;
	if (!pattern)
		return 0;
	regex_t regex;
	int code = regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB);
	if (code) {
		char why[100];
		regerror(code, &regex, why, sizeof(why));
		return err_set(err, -EINVAL, ERR_USAGE, "not a regular expression: \"%s\": %s",
			       pattern, why);
	}
	*matches = memory_new(frames_end(frames), sizeof(bool));
	for (uint32_t key = 1; key < frames_end(frames); key++)
		(*matches)[key] = !regexec(&regex, frames_key(frames, key)->name, 0, NULL, 0);
	regfree(&regex);
	return 0;
}

static bool any_matches(const struct selection *selection, const struct frames *frames,
			uint32_t stack, const bool *matches)
{
	const struct profile *profile = selection->profile;
	const struct profile_stack *s = &profile->stacks.at[stack];
	for (uint32_t i = 0; i < s->n_frames; i++) {
		uint32_t n;
		const uint32_t *keys =
			frames_of(frames, profile->frames.at[s->first_frame + i], &n);
		for (uint32_t k = 0; k < n; k++)
			if (matches[keys[k]])
				return true;
	}
	return false;
}

static int choose_stacks(struct selection *selection, const struct frames *frames,
			 const struct selection_wish *wish, struct err *err)
{
	guard_mem bool *focus = NULL;
	guard_mem bool *ignore = NULL;
	int result = match_keys(frames, wish->focus, &focus, err);
	if (!result)
		result = match_keys(frames, wish->ignore, &ignore, err);
	if (result)
		return result;
	for (uint32_t i = 0; i < selection->profile->stacks.n; i++)
		selection->keep[i] = (!focus || any_matches(selection, frames, i, focus)) &&
				     (!ignore || !any_matches(selection, frames, i, ignore));
	return 0;
}

int64_t selection_row(const struct selection *selection, uint32_t row)
{
	const struct profile *profile = selection->profile;
	if (!selection->keep[profile->rows.at[row].stack])
		return 0;
	return profile->values[(size_t)row * profile->types.n + selection->column];
}

static void add_up(struct selection *s)
{
	const struct profile *profile = s->profile;
	for (uint32_t i = 0; i < profile->rows.n; i++) {
		const struct profile_row *row = &profile->rows.at[i];
		int64_t value = profile->values[(size_t)i * profile->types.n + s->column];
		s->total = selection_add(s->total, value);
		if (!s->keep[row->stack])
			continue;
		s->kept = selection_add(s->kept, value);
		s->of_stack[row->stack] = selection_add(s->of_stack[row->stack], value);
		s->of_labels[row->labels] = selection_add(s->of_labels[row->labels], value);
	}
}

int selection_init(struct selection *selection, const struct profile *profile,
		   const struct frames *frames, const struct selection_wish *wish, struct err *err)
{
	struct selection s = {.profile = profile};
	int result = selection_column(profile, wish->sample, &s.column, err);
	if (result)
		return result;
	s.type = profile_string(profile, profile->types.at[s.column].type);
	s.unit = profile_string(profile, profile->types.at[s.column].unit);
	s.keep = memory_new((size_t)profile->stacks.n + 1, sizeof(bool));
	s.of_stack = memory_new((size_t)profile->stacks.n + 1, sizeof(int64_t));
	s.of_labels = memory_new((size_t)profile->label_sets.n + 1, sizeof(int64_t));
	result = choose_stacks(&s, frames, wish, err);
	if (result) {
		selection_deinit(&s);
		return result;
	}
	add_up(&s);
	*selection = s;
	return 0;
}

void selection_deinit(struct selection *selection)
{
	free(selection->keep);
	free(selection->of_stack);
	free(selection->of_labels);
	*selection = (struct selection){0};
}
