/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/export_speedscope.h"

#include "cli/frames.h"
#include "cli/jsontext.h"
#include "cli/owners.h"
#include "cli/report_head.h"
#include "cli/selection.h"
#include "common/memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct scope {
	const struct selection *selection;
	const struct profile *profile;
	struct frames *frames;
	struct owners *owners;
	uint32_t *rows; /* those with a value above zero, by owner */
	size_t n_rows;
};

static uint32_t owner_of(const struct scope *scope, uint32_t row)
{
	return owners_of(scope->owners, scope->profile->rows.at[row].labels);
}

static int by_owner(const void *left, const void *right, void *context)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	uint32_t owner_a = owner_of(context, a), owner_b = owner_of(context, b);
	if (owner_a != owner_b)
		return owner_a < owner_b ? -1 : 1;
	return a < b ? -1 : a > b;
}

static void write_frames(struct jsontext *json, const struct frames *frames)
{
	jsontext_open(json, "shared", '{');
	jsontext_open(json, "frames", '[');
	for (uint32_t i = 1; i < frames_end(frames); i++) {
		const struct frames_key *key = frames_key(frames, i);
		jsontext_open(json, NULL, '{');
		jsontext_escaped(json, "name", key->name);
		if (*key->module)
			jsontext_escaped(json, "file", key->module);
		jsontext_close(json);
	}
	jsontext_close(json);
	jsontext_close(json);
}

static void write_stack(struct jsontext *json, const struct scope *scope, uint32_t stack)
{
	const struct profile_stack *s = &scope->profile->stacks.at[stack];
	jsontext_open(json, NULL, '[');
	for (uint32_t i = s->n_frames; i-- > 0;) {
		uint32_t n, location = scope->profile->frames.at[s->first_frame + i];
		const uint32_t *keys = frames_of(scope->frames, location, &n);
		for (uint32_t k = n; k-- > 0;)
			jsontext_int(json, NULL, keys[k] - 1);
	}
	jsontext_close(json);
}

static const char *unit_of(const char *unit)
{
	static const char *const known[] = {"nanoseconds", "microseconds", "milliseconds",
					    "seconds", "bytes"};
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(known[i], unit))
			return unit;
	return "none";
}

/* Rows [first, end) as one profile of the file. */
static void write_profile(struct jsontext *json, const struct scope *scope, const char *name,
			  size_t first, size_t end)
{
	int64_t sum = 0;
	for (size_t i = first; i < end; i++)
		sum = selection_add(sum, selection_row(scope->selection, scope->rows[i]));
	jsontext_open(json, NULL, '{');
	jsontext_string(json, "type", "sampled");
	jsontext_escaped(json, "name", name);
	jsontext_string(json, "unit", unit_of(scope->selection->unit));
	jsontext_int(json, "startValue", 0);
	jsontext_int(json, "endValue", sum);
	jsontext_open(json, "samples", '[');
	for (size_t i = first; i < end; i++)
		write_stack(json, scope, scope->profile->rows.at[scope->rows[i]].stack);
	jsontext_close(json);
	jsontext_open(json, "weights", '[');
	for (size_t i = first; i < end; i++)
		jsontext_int(json, NULL, selection_row(scope->selection, scope->rows[i]));
	jsontext_close(json);
	jsontext_close(json);
}

static void write_owner(struct jsontext *json, const struct scope *scope, size_t first, size_t end)
{
	const struct owners_one *owner =
		owners_get(scope->owners, owner_of(scope, scope->rows[first]));
	char *name = NULL;
	if (asprintf(&name, "%s (%" PRId64 ")", *owner->name ? owner->name : "unknown",
		     owner->tid ? owner->tid : owner->pid) < 0)
		memory_exhausted();
	write_profile(json, scope, name, first, end);
	free(name);
}

static void write_profiles(struct jsontext *json, const struct scope *scope, const char *name)
{
	jsontext_open(json, "profiles", '[');
	write_profile(json, scope, name, 0, scope->n_rows);
	for (size_t first = 0, end; first < scope->n_rows; first = end) {
		uint32_t owner = owner_of(scope, scope->rows[first]);
		for (end = first; end < scope->n_rows; end++)
			if (owner_of(scope, scope->rows[end]) != owner)
				break;
		if (end - first < scope->n_rows) /* else it would be all of them again */
			write_owner(json, scope, first, end);
	}
	jsontext_close(json);
}

void export_speedscope_write(FILE *out, const struct selection *selection, const char *name)
{
	const struct profile *profile = selection->profile;
	struct scope scope = {
		.selection = selection,
		.profile = profile,
		.frames = frames_new(profile, FRAMES_FUNCTION | FRAMES_MODULE),
		.owners = owners_new(profile, OWNERS_BY_THREAD),
		.rows = memory_new(profile->rows.n, sizeof(uint32_t)),
	};
	for (uint32_t i = 0; i < profile->rows.n; i++)
		if (selection_row(selection, i) > 0)
			scope.rows[scope.n_rows++] = i;
	qsort_r(scope.rows, scope.n_rows, sizeof(*scope.rows), by_owner, &scope);
	guard_mem char *target = report_head_name(profile);
	struct jsontext json = jsontext_init(out);
	jsontext_open(&json, NULL, '{');
	jsontext_string(&json, "$schema", "https://www.speedscope.app/file-format-schema.json");
	jsontext_string(&json, "exporter", "probe " VERSION);
	jsontext_string(&json, "name", name);
	jsontext_int(&json, "activeProfileIndex", 0);
	write_frames(&json, scope.frames);
	write_profiles(&json, &scope, target);
	jsontext_close(&json);
	frames_free(scope.frames);
	owners_free(scope.owners);
	free(scope.rows);
}
