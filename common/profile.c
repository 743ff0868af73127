/* SPDX-License-Identifier: Apache-2.0 */
/* Each kind of element has a fixed-size key (or, for strings, stacks and labels, its bytes), one
 * function that says whether element `number` has this key, and one that adds. */
#include "common/profile.h"

#include "common/info.pb-c.h"
#include "common/memory.h"
#include "common/profile_table.h"

#include <assert.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct profile_index {
	struct profile_table strings, mappings, functions, locations, stacks, label_sets, rows;
	size_t values_room;
};

static void *reserve(void *at, uint32_t n, uint32_t *room, size_t more, size_t size)
{
	size_t new_room = *room;
	/* Numbers are 32 bits. */
	if (more > UINT32_MAX - 1 - n)
		memory_exhausted();
	at = memory_grow(at, &new_room, n + more, size);
	*room = new_room > UINT32_MAX ? UINT32_MAX : (uint32_t)new_room;
	return at;
}
#define RESERVE(array, more)                                                                       \
	((array)->at = reserve((array)->at, (array)->n, &(array)->room, more, sizeof(*(array)->at)))
#define APPEND(array, ...)                                                                         \
	(RESERVE(array, 1), (array)->at[(array)->n] = (__VA_ARGS__), (array)->n++)

struct profile *profile_new(void)
{
	struct profile *profile = memory_new(1, sizeof(*profile));
	profile->index = memory_new(1, sizeof(*profile->index));
	APPEND(&profile->text, '\0');
	APPEND(&profile->strings, 0);
	APPEND(&profile->mappings, (struct profile_mapping){0});
	APPEND(&profile->functions, (struct profile_function){0});
	APPEND(&profile->locations, (struct profile_location){0});
	APPEND(&profile->stacks, (struct profile_stack){0});
	APPEND(&profile->label_sets, (struct profile_labels){0});
	return profile;
}

static uint32_t add_text(struct profile *profile, const char *text)
{
	return profile_add_string(profile, text, strlen(text));
}

struct profile *profile_new_ours(void)
{
	static const char *const columns[PROFILE_COLUMNS][2] = {
		[COLUMN_SAMPLES] = {"samples", "count"},
		[COLUMN_CPU] = {"cpu", "nanoseconds"},
		[COLUMN_OFFCPU_EVENTS] = {"offcpu_events", "count"},
		[COLUMN_BLOCKED] = {"blocked", "nanoseconds"},
		[COLUMN_RUNNABLE] = {"runnable", "nanoseconds"},
		[COLUMN_WALL] = {"wall", "nanoseconds"},
	};
	struct profile *profile = profile_new();
	for (int i = 0; i < PROFILE_COLUMNS; i++)
		profile_add_type(profile, (struct profile_type){add_text(profile, columns[i][0]),
								add_text(profile, columns[i][1])});
	profile->default_type = COLUMN_CPU;
	profile->period_type = profile->types.at[COLUMN_CPU];
	return profile;
}

void profile_free(struct profile *profile)
{
	if (!profile)
		return;
	struct profile_index *index = profile->index;
	struct profile_table *tables[] = {&index->strings,   &index->mappings, &index->functions,
					  &index->locations, &index->stacks,   &index->label_sets,
					  &index->rows};
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		free(tables[i]->slots);
	void *arrays[] = {profile->text.at,	  profile->strings.at,	 profile->types.at,
			  profile->mappings.at,	  profile->functions.at, profile->locations.at,
			  profile->lines.at,	  profile->stacks.at,	 profile->frames.at,
			  profile->label_sets.at, profile->label.at,	 profile->rows.at,
			  profile->values,	  profile->comments.at};
	for (size_t i = 0; i < sizeof(arrays) / sizeof(*arrays); i++)
		free(arrays[i]);
	if (profile->info)
		probe__info__free_unpacked(profile->info, NULL);
	free(index);
	free(profile);
}

struct bytes {
	const void *at;
	size_t n;
};

static bool same_string(const void *context, uint32_t number, const void *key)
{
	const struct profile *profile = context;
	const struct bytes *text = key;
	uint32_t start = profile->strings.at[number];
	uint32_t end =
		number + 1 < profile->strings.n ? profile->strings.at[number + 1] : profile->text.n;
	return end - start - 1 == text->n && !memcmp(profile->text.at + start, text->at, text->n);
}

/* A NUL inside would end the string early for everyone who reads it. */
static uint32_t add_string_without_nul(struct profile *profile, const char *text, size_t bytes)
{
	char *copy = memory_new(bytes, 1);
	for (size_t i = 0; i < bytes; i++)
		copy[i] = text[i] ? text[i] : ' ';
	uint32_t string = profile_add_string(profile, copy, bytes);
	free(copy);
	return string;
}

uint32_t profile_add_string(struct profile *profile, const char *text, size_t bytes)
{
	if (!bytes)
		return 0;
	if (memchr(text, '\0', bytes))
		return add_string_without_nul(profile, text, bytes);
	struct profile_table *table = &profile->index->strings;
	struct bytes key = {text, bytes};
	uint64_t hash = XXH3_64bits(text, bytes);
	uint32_t known = profile_table_find(table, hash, same_string, profile, &key);
	if (known != PROFILE_TABLE_NONE)
		return known;
	RESERVE(&profile->text, bytes + 1);
	memcpy(profile->text.at + profile->text.n, text, bytes);
	profile->text.at[profile->text.n + bytes] = '\0';
	uint32_t string = APPEND(&profile->strings, profile->text.n);
	profile->text.n += (uint32_t)bytes + 1;
	profile_table_add(table, hash, string);
	return string;
}

uint32_t profile_add_type(struct profile *profile, struct profile_type type)
{
	assert(!profile->rows.n);
	return APPEND(&profile->types, type);
}

int profile_find_type(const struct profile *profile, const char *name)
{
	for (uint32_t i = 0; i < profile->types.n; i++)
		if (!strcmp(profile_string(profile, profile->types.at[i].type), name))
			return (int)i;
	return -1;
}

static bool same_mapping(const void *context, uint32_t number, const void *key)
{
	const struct profile *profile = context;
	const struct profile_mapping *a = &profile->mappings.at[number], *b = key;
	return a->start == b->start && a->limit == b->limit && a->offset == b->offset &&
	       a->file == b->file && a->build_id == b->build_id;
}

uint32_t profile_add_mapping(struct profile *profile, const struct profile_mapping *mapping)
{
	const uint64_t words[] = {mapping->start, mapping->limit, mapping->offset, mapping->file,
				  mapping->build_id};
	struct profile_table *table = &profile->index->mappings;
	uint64_t hash = XXH3_64bits(words, sizeof(words));
	uint32_t number = profile_table_find(table, hash, same_mapping, profile, mapping);
	if (number == PROFILE_TABLE_NONE) {
		number = APPEND(&profile->mappings, *mapping);
		profile_table_add(table, hash, number);
		return number;
	}
	struct profile_mapping *known = &profile->mappings.at[number];
	known->has_functions |= mapping->has_functions;
	known->has_filenames |= mapping->has_filenames;
	known->has_line_numbers |= mapping->has_line_numbers;
	known->has_inline_frames |= mapping->has_inline_frames;
	return number;
}

static bool same_function(const void *context, uint32_t number, const void *key)
{
	const struct profile *profile = context;
	const struct profile_function *a = &profile->functions.at[number], *b = key;
	return a->name == b->name && a->system_name == b->system_name && a->file == b->file &&
	       a->start_line == b->start_line;
}

uint32_t profile_add_function(struct profile *profile, const struct profile_function *function)
{
	const uint64_t words[] = {function->name, function->system_name, function->file,
				  (uint64_t)function->start_line};
	struct profile_table *table = &profile->index->functions;
	uint64_t hash = XXH3_64bits(words, sizeof(words));
	uint32_t number = profile_table_find(table, hash, same_function, profile, function);
	if (number != PROFILE_TABLE_NONE)
		return number;
	number = APPEND(&profile->functions, *function);
	profile_table_add(table, hash, number);
	return number;
}

struct location_key {
	const struct profile_location *location;
	const struct profile_line *lines;
	uint32_t n;
};

static bool same_location(const void *context, uint32_t number, const void *key)
{
	const struct profile *profile = context;
	const struct location_key *b = key;
	const struct profile_location *a = &profile->locations.at[number];
	if (a->mapping != b->location->mapping || a->address != b->location->address ||
	    a->is_folded != b->location->is_folded || a->n_lines != b->n)
		return false;
	for (uint32_t i = 0; i < b->n; i++) {
		const struct profile_line *line = &profile->lines.at[a->first_line + i];
		if (line->function != b->lines[i].function || line->line != b->lines[i].line ||
		    line->column != b->lines[i].column)
			return false;
	}
	return true;
}

void profile_set_lines(struct profile *profile, uint32_t location, const struct profile_line *lines,
		       uint32_t n)
{
	profile->locations.at[location].first_line = profile->lines.n;
	profile->locations.at[location].n_lines = n;
	RESERVE(&profile->lines, n);
	for (uint32_t i = 0; i < n; i++)
		profile->lines.at[profile->lines.n++] = lines[i];
}

uint32_t profile_add_location(struct profile *profile, const struct profile_location *location,
			      const struct profile_line *lines, uint32_t n)
{
	const uint64_t words[] = {location->address, location->mapping, location->is_folded};
	uint64_t hash = XXH3_64bits(words, sizeof(words));
	for (uint32_t i = 0; i < n; i++) {
		const uint64_t line[] = {lines[i].function, (uint64_t)lines[i].line,
					 (uint64_t)lines[i].column};
		hash = XXH3_64bits_withSeed(line, sizeof(line), hash);
	}
	struct profile_table *table = &profile->index->locations;
	struct location_key key = {location, lines, n};
	uint32_t number = profile_table_find(table, hash, same_location, profile, &key);
	if (number != PROFILE_TABLE_NONE)
		return number;
	number = APPEND(&profile->locations, *location);
	profile_set_lines(profile, number, lines, n);
	profile_table_add(table, hash, number);
	return number;
}

static bool same_stack(const void *context, uint32_t number, const void *key)
{
	const struct profile *profile = context;
	const struct bytes *frames = key;
	const struct profile_stack *stack = &profile->stacks.at[number];
	return stack->n_frames == frames->n && !memcmp(profile->frames.at + stack->first_frame,
						       frames->at, frames->n * sizeof(uint32_t));
}

uint32_t profile_add_stack(struct profile *profile, const uint32_t *locations, uint32_t n)
{
	if (!n)
		return 0;
	struct profile_table *table = &profile->index->stacks;
	struct bytes key = {locations, n};
	uint64_t hash = XXH3_64bits(locations, n * sizeof(*locations));
	uint32_t number = profile_table_find(table, hash, same_stack, profile, &key);
	if (number != PROFILE_TABLE_NONE)
		return number;
	RESERVE(&profile->frames, n);
	memcpy(profile->frames.at + profile->frames.n, locations, n * sizeof(*locations));
	number = APPEND(&profile->stacks, (struct profile_stack){profile->frames.n, n});
	profile->frames.n += n;
	profile_table_add(table, hash, number);
	return number;
}

static int label_order(const void *left, const void *right)
{
	const struct profile_label *a = left, *b = right;
	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	if (a->text != b->text)
		return a->text < b->text ? -1 : 1;
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return a->unit < b->unit ? -1 : a->unit > b->unit;
}

static bool same_labels(const void *context, uint32_t number, const void *key)
{
	const struct profile *profile = context;
	const struct bytes *labels = key;
	const struct profile_label *b = labels->at;
	const struct profile_labels *set = &profile->label_sets.at[number];
	for (uint32_t i = 0; set->n_labels == labels->n && i < set->n_labels; i++)
		if (label_order(&profile->label.at[set->first_label + i], &b[i]))
			return false;
	return set->n_labels == labels->n;
}

uint32_t profile_add_labels(struct profile *profile, const struct profile_label *labels, uint32_t n)
{
	if (!n)
		return 0;
	RESERVE(&profile->label, n);
	struct profile_label *sorted = profile->label.at + profile->label.n;
	memcpy(sorted, labels, n * sizeof(*labels));
	qsort(sorted, n, sizeof(*sorted), label_order);
	uint64_t hash = n;
	for (uint32_t i = 0; i < n; i++) {
		const uint64_t words[] = {sorted[i].key, sorted[i].text, (uint64_t)sorted[i].number,
					  sorted[i].unit};
		hash = XXH3_64bits_withSeed(words, sizeof(words), hash);
	}
	struct profile_table *table = &profile->index->label_sets;
	struct bytes key = {sorted, n};
	uint32_t number = profile_table_find(table, hash, same_labels, profile, &key);
	if (number != PROFILE_TABLE_NONE)
		return number;
	number = APPEND(&profile->label_sets, (struct profile_labels){profile->label.n, n});
	profile->label.n += n;
	profile_table_add(table, hash, number);
	return number;
}

static bool same_row(const void *context, uint32_t number, const void *key)
{
	const struct profile *profile = context;
	const struct profile_row *a = &profile->rows.at[number], *b = key;
	return a->stack == b->stack && a->labels == b->labels;
}

static int64_t add_saturating(int64_t a, int64_t b)
{
	int64_t sum;
	if (__builtin_add_overflow(a, b, &sum))
		return b < 0 ? INT64_MIN : INT64_MAX;
	return sum;
}

void profile_add_row(struct profile *profile, uint32_t stack, uint32_t labels,
		     const int64_t *values)
{
	const size_t n = profile->types.n;
	assert(n);
	const struct profile_row row = {stack, labels};
	struct profile_index *index = profile->index;
	uint64_t hash = XXH3_64bits(&row, sizeof(row));
	uint32_t number = profile_table_find(&index->rows, hash, same_row, profile, &row);
	if (number != PROFILE_TABLE_NONE) {
		int64_t *sums = profile->values + number * n;
		for (size_t i = 0; i < n; i++)
			sums[i] = add_saturating(sums[i], values[i]);
		return;
	}
	number = APPEND(&profile->rows, row);
	profile->values = memory_grow(profile->values, &index->values_room, (number + 1) * n,
				      sizeof(*values));
	memcpy(profile->values + number * n, values, n * sizeof(*values));
	profile_table_add(&index->rows, hash, number);
}

void profile_add_comment(struct profile *profile, uint32_t string)
{
	for (uint32_t i = 0; i < profile->comments.n; i++)
		if (profile->comments.at[i] == string)
			return;
	APPEND(&profile->comments, string);
}
