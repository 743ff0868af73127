/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/folded.h"

#include "cli/frames.h"
#include "cli/owners.h"
#include "cli/selection.h"
#include "common/index.h"
#include "common/memory.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Stacks whose frames look alike have one number: `looks`. */
struct looks {
	const struct profile *profile;
	const struct frames *frames;
	uint32_t *of_stack; /* the first stack that looks so */
	uint32_t *keys;	    /* of the stack at hand, root first */
	uint32_t n;
	size_t room;
	uint32_t *others; /* room to compare */
	size_t others_room;
	struct index index;
};

/* A line: all rows of an owner and a look. */
struct line {
	uint32_t owner, stack;
	int64_t value;
};
struct lines {
	struct line *at;
	size_t n, room;
	struct index index;
};

static uint32_t collect(const struct looks *looks, uint32_t stack, uint32_t **keys, size_t *room)
{
	const struct profile_stack *s = &looks->profile->stacks.at[stack];
	uint32_t n = 0;
	for (uint32_t i = s->n_frames; i-- > 0;) {
		uint32_t inlined;
		uint32_t location = looks->profile->frames.at[s->first_frame + i];
		const uint32_t *of = frames_of(looks->frames, location, &inlined);
		*keys = memory_grow(*keys, room, (size_t)n + inlined, sizeof(**keys));
		for (uint32_t k = inlined; k-- > 0;)
			(*keys)[n++] = of[k];
	}
	return n;
}

static bool looks_alike(const void *context, uint32_t number, const void *key)
{
	/* The room to compare in is the only thing that changes. */
	struct looks *looks = (struct looks *)context;
	uint32_t n = collect(looks, number - 1, &looks->others, &looks->others_room);
	return n == looks->n && !memcmp(looks->others, key, n * sizeof(*looks->keys));
}

static void compare_stacks(struct looks *looks, const bool *keep)
{
	uint32_t n = looks->profile->stacks.n;
	looks->of_stack = memory_new((size_t)n + 1, sizeof(*looks->of_stack));
	looks->keys = memory_grow(NULL, &looks->room, 1, sizeof(*looks->keys));
	for (uint32_t i = 0; i < n; i++) {
		if (!keep[i])
			continue;
		looks->n = collect(looks, i, &looks->keys, &looks->room);
		uint64_t hash = index_hash(looks->keys, looks->n * sizeof(*looks->keys));
		uint32_t number = index_find(&looks->index, hash, looks_alike, looks, looks->keys);
		if (!number) {
			number = i + 1;
			index_add(&looks->index, hash, number);
		}
		looks->of_stack[i] = number - 1;
	}
}

static void looks_deinit(struct looks *looks)
{
	free(looks->of_stack);
	free(looks->keys);
	free(looks->others);
	index_deinit(&looks->index);
}

static bool same_line(const void *context, uint32_t number, const void *key)
{
	const struct line *a = &((const struct lines *)context)->at[number - 1], *b = key;
	return a->owner == b->owner && a->stack == b->stack;
}

static void add_to_line(struct lines *lines, uint32_t owner, uint32_t stack, int64_t value)
{
	struct line line = {owner, stack, value};
	uint64_t hash = index_hash(&line, offsetof(struct line, value));
	uint32_t number = index_find(&lines->index, hash, same_line, lines, &line);
	if (number) {
		struct line *found = &lines->at[number - 1];
		found->value = selection_add(found->value, value);
		return;
	}
	lines->at = memory_grow(lines->at, &lines->room, lines->n + 1, sizeof(line));
	lines->at[lines->n++] = line;
	index_add(&lines->index, hash, (uint32_t)lines->n);
}

/* `;` would split a frame; line breaks have been escaped. */
static void put_text(FILE *out, const char *text)
{
	const char *end;
	while ((end = strchr(text, ';'))) {
		fwrite_unlocked(text, 1, (size_t)(end - text), out);
		putc_unlocked(':', out);
		text = end + 1;
	}
	fputs_unlocked(text, out);
}

static void put_owner(FILE *out, const struct owners_one *owner, bool threads)
{
	put_text(out, owner->name);
	if (threads)
		fprintf(out, "-%" PRId64 "/%" PRId64, owner->pid, owner->tid);
}

static void put_frame(FILE *out, const struct frames_key *key, bool annotate)
{
	put_text(out, key->name);
	if (!annotate)
		return;
	if (key->kind & FRAMES_INLINED)
		fputs("_[i]", out);
	else if (key->kind & FRAMES_KERNEL)
		fputs("_[k]", out);
	else if (key->kind & FRAMES_JIT)
		fputs("_[j]", out);
}

static void put_line(FILE *out, struct looks *looks, const struct owners_one *owner,
		     const struct line *line, const struct folded_options *options)
{
	const char *gap = "";
	if (*owner->name) {
		put_owner(out, owner, options->threads);
		gap = ";";
	}
	uint32_t n = collect(looks, line->stack, &looks->keys, &looks->room);
	if (!n && !*owner->name)
		fputs("[no stack]", out);
	for (uint32_t i = 0; i < n; i++) {
		fputs(gap, out);
		put_frame(out, frames_key(looks->frames, looks->keys[i]), options->annotate);
		gap = ";";
	}
}

static void print(FILE *out, struct looks *looks, const struct owners *owners,
		  const struct lines *lines, int64_t divisor, const struct folded_options *options)
{
	int64_t rest = 0; /* what rounding down has left so far: goes to the next line */
	for (size_t i = 0; i < lines->n; i++) {
		const struct line *line = &lines->at[i];
		if (line->value <= 0)
			continue;
		int64_t value = selection_add(line->value, rest);
		rest = value % divisor;
		if (value < divisor)
			continue;
		put_line(out, looks, owners_get(owners, line->owner), line, options);
		fprintf(out, " %" PRId64 "\n", value / divisor);
	}
}

void folded_write(FILE *out, const struct selection *selection,
		  const struct folded_options *options)
{
	const struct profile *profile = selection->profile;
	unsigned parts = FRAMES_FUNCTION | (options->annotate ? FRAMES_KIND : 0);
	struct frames *frames guard(guard_frames) = frames_new(profile, parts);
	struct owners *owners guard(guard_owners) =
		owners_new(profile, options->threads ? OWNERS_BY_THREAD : OWNERS_BY_COMM);
	struct looks looks guard(looks_deinit) = {.profile = profile, .frames = frames};
	struct lines lines = {0};
	compare_stacks(&looks, selection->keep);
	for (uint32_t i = 0; i < profile->rows.n; i++) {
		const struct profile_row *row = &profile->rows.at[i];
		int64_t value = selection_row(selection, i);
		if (value)
			add_to_line(&lines, owners_of(owners, row->labels),
				    looks.of_stack[row->stack], value);
	}
	int64_t divisor = !strcmp(selection->unit, "nanoseconds") ? 1000 : 1;
	print(out, &looks, owners, &lines, divisor, options);
	free(lines.at);
	index_deinit(&lines.index);
}

const char *folded_column(const struct profile *profile, const char *sample)
{
	int column = sample ? profile_find_type(profile, sample) : (int)profile->default_type;
	if (column < 0 || (uint32_t)column >= profile->types.n)
		return sample;
	const char *type = profile_string(profile, profile->types.at[column].type);
	bool is_cpu = !strcmp(type, "cpu");
	return is_cpu && profile_find_type(profile, "samples") >= 0 ? "samples" : sample;
}
