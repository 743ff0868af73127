/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/export_json.h"

#include "cli/frames.h"
#include "cli/jsontext.h"
#include "cli/report_head.h"
#include "cli/report_resources.h"
#include "common/profile.h"

static void write_frames(struct jsontext *json, const struct frames *frames)
{
	jsontext_open(json, "frames", '[');
	for (uint32_t i = 1; i < frames_end(frames); i++) {
		const struct frames_key *key = frames_key(frames, i);
		jsontext_open(json, NULL, '{');
		jsontext_escaped(json, "function", key->name);
		jsontext_escaped(json, "module", key->module);
		if (*key->file)
			jsontext_escaped(json, "source", key->file);
		if (key->line)
			jsontext_int(json, "line", key->line);
		if (key->kind & FRAMES_INLINED)
			jsontext_int(json, "inlined", 1);
		if (key->kind & FRAMES_KERNEL)
			jsontext_int(json, "kernel", 1);
		jsontext_close(json);
	}
	jsontext_close(json);
}

static void write_labels(struct jsontext *json, const struct profile *profile, uint32_t labels)
{
	const struct profile_labels *set = &profile->label_sets.at[labels];
	jsontext_open(json, "labels", '{');
	for (uint32_t i = 0; labels && i < set->n_labels; i++) {
		const struct profile_label *label = &profile->label.at[set->first_label + i];
		const char *key = profile_string(profile, label->key);
		if (label->text)
			jsontext_string(json, key, profile_string(profile, label->text));
		else
			jsontext_int(json, key, label->number);
	}
	jsontext_close(json);
}

static void write_stack(struct jsontext *json, const struct profile *profile,
			const struct frames *frames, uint32_t stack)
{
	const struct profile_stack *s = &profile->stacks.at[stack];
	jsontext_open(json, "stack", '[');
	for (uint32_t i = 0; i < s->n_frames; i++) {
		uint32_t n;
		const uint32_t *keys =
			frames_of(frames, profile->frames.at[s->first_frame + i], &n);
		for (uint32_t k = 0; k < n; k++)
			jsontext_int(json, NULL, keys[k] - 1);
	}
	jsontext_close(json);
}

void export_json_write(FILE *out, const struct profile *profile, const char *name)
{
	struct frames *frames guard(guard_frames) =
		frames_new(profile, FRAMES_FUNCTION | FRAMES_MODULE | FRAMES_LINE | FRAMES_KIND);
	struct jsontext json = jsontext_init(out);
	jsontext_open(&json, NULL, '{');
	report_head_json(&json, profile, name);
	report_resources_json(&json, profile);
	report_head_json_types(&json, "sample_types", profile);
	write_frames(&json, frames);
	jsontext_open(&json, "rows", '[');
	for (uint32_t i = 0; i < profile->rows.n; i++) {
		const struct profile_row *row = &profile->rows.at[i];
		jsontext_open(&json, NULL, '{');
		jsontext_open(&json, "values", '[');
		for (uint32_t k = 0; k < profile->types.n; k++)
			jsontext_int(&json, NULL,
				     profile->values[(size_t)i * profile->types.n + k]);
		jsontext_close(&json);
		write_labels(&json, profile, row->labels);
		write_stack(&json, profile, frames, row->stack);
		jsontext_close(&json);
	}
	jsontext_close(&json);
	jsontext_close(&json);
}
