/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report_names.h"

#include "cli/frames.h"
#include "cli/jsontext.h"
#include "common/guard.h"
#include "common/profile.h"

#include <stdint.h>

/* What stands out in a report. */
#define MUCH_PERCENT 5.0

struct names {
	double all, lacking;
};

static double sum_of(const struct profile *profile, int column)
{
	double sum = 0;
	for (uint32_t i = 0; column >= 0 && i < profile->rows.n; i++)
		sum += (double)profile->values[(size_t)i * profile->types.n + (size_t)column];
	return sum;
}

/* What is counted: samples, waits, or what a file of another profiler has first. */
static int column_of(const struct profile *profile)
{
	int samples = profile_find_type(profile, "samples");
	int waits = profile_find_type(profile, "offcpu_events");
	if (sum_of(profile, samples) > 0)
		return samples;
	return waits >= 0 && sum_of(profile, waits) > 0 ? waits : 0;
}

/* 0: it has no frame. */
static uint32_t leaf_of(const struct profile *profile, const struct frames *frames, uint32_t number)
{
	const struct profile_stack *stack = &profile->stacks.at[number];
	uint32_t leaf = 0;
	for (uint32_t i = 0; i < stack->n_frames; i++) {
		uint32_t n;
		const uint32_t *keys =
			frames_of(frames, profile->frames.at[stack->first_frame + i], &n);
		if (!n)
			continue;
		if (!(frames_key(frames, keys[0])->kind & FRAMES_KERNEL))
			return keys[0];
		leaf = leaf ? leaf : keys[0];
	}
	return leaf;
}

static struct names names_of(const struct profile *profile)
{
	struct names names = {0};
	struct frames *frames guard(guard_frames) =
		frames_new(profile, FRAMES_FUNCTION | FRAMES_MODULE);
	const int column = column_of(profile);
	for (uint32_t i = 0; i < profile->rows.n && profile->types.n; i++) {
		const uint32_t leaf = leaf_of(profile, frames, profile->rows.at[i].stack);
		const struct frames_key *key = frames_key(frames, leaf);
		const double value =
			(double)profile->values[(size_t)i * profile->types.n + (size_t)column];
		names.all += value;
		if (leaf && frames_is_nameless(key->name, key->module))
			names.lacking += value;
	}
	return names;
}

void report_names_print(FILE *out, const struct profile *profile)
{
	const struct names names = names_of(profile);
	const double percent = 100 * names.lacking / names.all;
	if (names.all > 0 && percent > MUCH_PERCENT)
		fprintf(out,
			"named %.1f%%, by address only %.1f%%: `probe symbolize` takes names from "
			"debug files\n",
			100 - percent, percent);
}

void report_names_json(struct jsontext *json, const struct profile *profile)
{
	const struct names names = names_of(profile);
	if (!(names.all > 0))
		return;
	jsontext_real(json, "named_percent", 100 - 100 * names.lacking / names.all);
	jsontext_real(json, "by_address_percent", 100 * names.lacking / names.all);
}
