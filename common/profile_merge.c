/* SPDX-License-Identifier: Apache-2.0 */
/* profile_merge() of profile.h: every object of `from` is looked up once and remembered in a table
 * old number → new number; a row is then two look-ups. */
#include "common/err.h"
#include "common/memory.h"
#include "common/profile.h"
#include "common/profile_info.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct remap {
	uint32_t *strings, *mappings, *functions, *locations, *stacks, *label_sets;
};

static uint32_t *new_table(uint32_t n)
{
	return memory_new(n, sizeof(uint32_t));
}

static void map_strings(struct profile *into, const struct profile *from, struct remap *map)
{
	map->strings = new_table(from->strings.n);
	for (uint32_t i = 1; i < from->strings.n; i++) {
		const char *text = profile_string(from, i);
		map->strings[i] = profile_add_string(into, text, strlen(text));
	}
}

static void map_mappings(struct profile *into, const struct profile *from, struct remap *map)
{
	map->mappings = new_table(from->mappings.n);
	for (uint32_t i = 1; i < from->mappings.n; i++) {
		struct profile_mapping mapping = from->mappings.at[i];
		mapping.file = map->strings[mapping.file];
		mapping.build_id = map->strings[mapping.build_id];
		map->mappings[i] = profile_add_mapping(into, &mapping);
	}
}

static void map_functions(struct profile *into, const struct profile *from, struct remap *map)
{
	map->functions = new_table(from->functions.n);
	for (uint32_t i = 1; i < from->functions.n; i++) {
		struct profile_function function = from->functions.at[i];
		function.name = map->strings[function.name];
		function.system_name = map->strings[function.system_name];
		function.file = map->strings[function.file];
		map->functions[i] = profile_add_function(into, &function);
	}
}

static void map_locations(struct profile *into, const struct profile *from, struct remap *map)
{
	struct profile_line *lines = NULL;
	size_t room = 0;
	map->locations = new_table(from->locations.n);
	for (uint32_t i = 1; i < from->locations.n; i++) {
		struct profile_location location = from->locations.at[i];
		lines = memory_grow(lines, &room, location.n_lines, sizeof(*lines));
		for (uint32_t j = 0; j < location.n_lines; j++) {
			lines[j] = from->lines.at[location.first_line + j];
			lines[j].function = map->functions[lines[j].function];
		}
		location.mapping = map->mappings[location.mapping];
		map->locations[i] = profile_add_location(into, &location, lines, location.n_lines);
	}
	free(lines);
}

static void map_stacks(struct profile *into, const struct profile *from, struct remap *map)
{
	uint32_t *frames = NULL;
	size_t room = 0;
	map->stacks = new_table(from->stacks.n);
	for (uint32_t i = 1; i < from->stacks.n; i++) {
		const struct profile_stack *stack = &from->stacks.at[i];
		frames = memory_grow(frames, &room, stack->n_frames, sizeof(*frames));
		for (uint32_t j = 0; j < stack->n_frames; j++)
			frames[j] = map->locations[from->frames.at[stack->first_frame + j]];
		map->stacks[i] = profile_add_stack(into, frames, stack->n_frames);
	}
	free(frames);
}

static void map_label_sets(struct profile *into, const struct profile *from, struct remap *map)
{
	struct profile_label *labels = NULL;
	size_t room = 0;
	map->label_sets = new_table(from->label_sets.n);
	for (uint32_t i = 1; i < from->label_sets.n; i++) {
		const struct profile_labels *set = &from->label_sets.at[i];
		labels = memory_grow(labels, &room, set->n_labels, sizeof(*labels));
		for (uint32_t j = 0; j < set->n_labels; j++) {
			labels[j] = from->label.at[set->first_label + j];
			labels[j].key = map->strings[labels[j].key];
			labels[j].text = map->strings[labels[j].text];
			labels[j].unit = map->strings[labels[j].unit];
		}
		map->label_sets[i] = profile_add_labels(into, labels, set->n_labels);
	}
	free(labels);
}

static bool same_type(const struct profile *a, struct profile_type x, const struct profile *b,
		      struct profile_type y)
{
	return !strcmp(profile_string(a, x.type), profile_string(b, y.type)) &&
	       !strcmp(profile_string(a, x.unit), profile_string(b, y.unit));
}

static int check_types(const struct profile *into, const struct profile *from, struct err *err)
{
	if (into->types.n != from->types.n)
		return err_set(err, -EINVAL, ERR_FAILED,
			       "profiles with %u and %u sample types cannot be merged",
			       into->types.n, from->types.n);
	for (uint32_t i = 0; i < into->types.n; i++) {
		struct profile_type a = into->types.at[i], b = from->types.at[i];
		if (!same_type(into, a, from, b))
			return err_set(err, -EINVAL, ERR_FAILED,
				       "profiles of %.40s/%.40s and %.40s/%.40s cannot be merged",
				       profile_string(into, a.type), profile_string(into, a.unit),
				       profile_string(from, b.type), profile_string(from, b.unit));
	}
	if (!same_type(into, into->period_type, from, from->period_type))
		return err_set(err, -EINVAL, ERR_FAILED,
			       "profiles whose periods are %.40s and %.40s cannot be merged",
			       profile_string(into, into->period_type.type),
			       profile_string(from, from->period_type.type));
	return 0;
}

static void take_types(struct profile *into, const struct profile *from, const struct remap *map)
{
	for (uint32_t i = 0; i < from->types.n; i++)
		profile_add_type(into, (struct profile_type){map->strings[from->types.at[i].type],
							     map->strings[from->types.at[i].unit]});
	into->default_type = from->default_type;
	into->period = from->period;
	into->period_type.type = map->strings[from->period_type.type];
	into->period_type.unit = map->strings[from->period_type.unit];
}

/* What is said once a profile: the first to say it stays, as in pprof's own merge. */
static void merge_head(struct profile *into, const struct profile *from, const struct remap *map)
{
	if (!into->drop_frames)
		into->drop_frames = map->strings[from->drop_frames];
	if (!into->keep_frames)
		into->keep_frames = map->strings[from->keep_frames];
	if (!into->doc_url)
		into->doc_url = map->strings[from->doc_url];
	if (from->period > into->period)
		into->period = from->period;
	if (from->time_ns && (!into->time_ns || from->time_ns < into->time_ns))
		into->time_ns = from->time_ns;
	if (__builtin_add_overflow(into->duration_ns, from->duration_ns, &into->duration_ns))
		into->duration_ns = INT64_MAX;
	for (uint32_t i = 0; i < from->comments.n; i++)
		profile_add_comment(into, map->strings[from->comments.at[i]]);
}

int profile_merge(struct profile *into, const struct profile *from, struct err *err)
{
	assert(into != from);
	bool is_first = !into->types.n;
	int code = is_first ? 0 : check_types(into, from, err);
	if (code)
		return code;
	struct remap map = {0};
	map_strings(into, from, &map);
	if (is_first) {
		take_types(into, from, &map);
		if (!into->info)
			into->info = profile_info_copy(from->info);
	} else {
		profile_info_merge(&into->info, from->info, into->duration_ns, from->duration_ns);
	}
	merge_head(into, from, &map);
	map_mappings(into, from, &map);
	map_functions(into, from, &map);
	map_locations(into, from, &map);
	map_stacks(into, from, &map);
	map_label_sets(into, from, &map);
	for (uint32_t i = 0; i < from->rows.n; i++)
		profile_add_row(into, map.stacks[from->rows.at[i].stack],
				map.label_sets[from->rows.at[i].labels],
				from->values + (size_t)i * from->types.n);
	uint32_t *tables[] = {map.strings,   map.mappings, map.functions,
			      map.locations, map.stacks,   map.label_sets};
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		free(tables[i]);
	return 0;
}
