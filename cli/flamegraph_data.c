/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/flamegraph_data.h"

#include "cli/frames.h"
#include "cli/jsontext.h"
#include "cli/owners.h"
#include "cli/packed.h"
#include "cli/report_head.h"
#include "cli/report_resources.h"
#include "cli/selection.h"
#include "cli/tree.h"
#include "common/array.h"
#include "common/index.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

/* What an owner spent in a node, all columns. */
struct spent {
	uint32_t node, owner;
	uint32_t row; /* first of its values in `values` */
};

struct data {
	const struct profile *profile;
	const struct selection *selection;
	struct frames *frames;
	struct owners *owners;
	struct tree tree;
	uint32_t *node_of_stack;
	uint32_t *place; /* node → its number in pre-order */
	struct spent *spent;
	int64_t *values; /* n_types each */
	size_t n_spent, spent_room, values_room;
	struct index index;
};

static void add_stacks(struct data *data)
{
	const struct profile *profile = data->profile;
	data->node_of_stack = memory_new((size_t)profile->stacks.n + 1, sizeof(uint32_t));
	tree_init(&data->tree);
	for (uint32_t s = 0; s < profile->stacks.n; s++) {
		const struct profile_stack *stack = &profile->stacks.at[s];
		uint32_t node = 0;
		if (!data->selection->keep[s])
			continue;
		for (uint32_t i = stack->n_frames; i-- > 0;) {
			uint32_t n, location = profile->frames.at[stack->first_frame + i];
			const uint32_t *keys = frames_of(data->frames, location, &n);
			for (uint32_t k = n; k-- > 0;)
				node = tree_child(&data->tree, node, keys[k]);
		}
		data->node_of_stack[s] = node;
		int64_t *self = &data->tree.at[node].self;
		*self = selection_add(*self, data->selection->of_stack[s]);
	}
	tree_finish(&data->tree);
}

static bool same_spent(const void *context, uint32_t number, const void *key)
{
	const struct spent *a = &((const struct data *)context)->spent[number - 1], *b = key;
	return a->node == b->node && a->owner == b->owner;
}

static int64_t *find_spent(struct data *data, uint32_t node, uint32_t owner)
{
	uint32_t types = data->profile->types.n;
	struct spent spent = {node, owner, 0};
	uint64_t hash = index_hash(&spent, offsetof(struct spent, row));
	uint32_t number = index_find(&data->index, hash, same_spent, data, &spent);
	if (number)
		return data->values + (size_t)data->spent[number - 1].row * types;
	spent.row = (uint32_t)data->n_spent;
	size_t n = data->n_spent + 1;
	data->spent = memory_grow(data->spent, &data->spent_room, n, sizeof(spent));
	data->values = memory_grow(data->values, &data->values_room, n * types, sizeof(int64_t));
	data->spent[data->n_spent] = spent;
	int64_t *values = data->values + data->n_spent * types;
	memset(values, 0, types * sizeof(*values));
	data->n_spent = n;
	index_add(&data->index, hash, (uint32_t)n);
	return values;
}

static void add_rows(struct data *data)
{
	const struct profile *profile = data->profile;
	for (uint32_t i = 0; i < profile->rows.n; i++) {
		const struct profile_row *row = &profile->rows.at[i];
		if (!data->selection->keep[row->stack])
			continue;
		int64_t *values = find_spent(data, data->node_of_stack[row->stack],
					     owners_of(data->owners, row->labels));
		for (uint32_t k = 0; k < profile->types.n; k++)
			values[k] = selection_add(
				values[k], profile->values[(size_t)i * profile->types.n + k]);
	}
}

/* New. */
static char *head_of(const struct profile *profile, const char *file)
{
	char *text = NULL;
	size_t bytes;
	FILE *memory = open_memstream(&text, &bytes);
	if (!memory)
		memory_exhausted();
	report_head_print(memory, profile, file, 0);
	fclose(memory);
	return text;
}

static void write_head(struct jsontext *json, const struct data *data, const char *file,
		       const struct flamegraph_extra *extra)
{
	const struct profile *profile = data->profile;
	char *save = NULL;
	char *text guard_mem =
		extra ? array_copy(extra->head, strlen(extra->head)) : head_of(profile, file);
	report_head_json(json, profile, file);
	report_resources_json(json, profile);
	jsontext_open(json, "lines", '[');
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		jsontext_escaped(json, NULL, line);
	jsontext_close(json);
	if (extra)
		extra->write_more(json, extra->context);
	report_head_json_types(json, "columns", profile);
	jsontext_int(json, "column", data->selection->column);
}

static void write_owners(struct jsontext *json, const struct owners *owners)
{
	jsontext_open(json, "owners", '[');
	for (uint32_t i = 0; i < owners_end(owners); i++) {
		const struct owners_one *owner = owners_get(owners, i);
		jsontext_open(json, NULL, '{');
		jsontext_escaped(json, "name", owner->name);
		jsontext_int(json, "pid", owner->pid);
		jsontext_int(json, "tid", owner->tid);
		jsontext_close(json);
	}
	jsontext_close(json);
}

/* Writes what was packed, and empties it for the next. */
static void write_packed(struct jsontext *json, const char *key, struct packed *packed)
{
	jsontext_escaped(json, key, packed_text(packed));
	packed_deinit(packed);
}

static bool same_pointer(const void *context, uint32_t number, const void *key)
{
	return ((const char *const *)context)[number - 1] == key;
}

/* Modules by number, since few stand for many: equal names are one pointer (frames.c). */
static void write_modules(struct jsontext *json, const struct frames *frames)
{
	uint32_t n = frames_end(frames), n_modules = 0;
	guard_mem const char **modules = memory_new(n, sizeof(*modules));
	struct index index = {0};
	struct packed module_of = {0};
	jsontext_open(json, "modules", '[');
	packed_add(&module_of, 0); /* of the root, which has none */
	for (uint32_t i = 1; i < n; i++) {
		const char *name = frames_key(frames, i)->module;
		uint64_t hash = index_hash(&name, sizeof(name));
		uint32_t number = index_find(&index, hash, same_pointer, modules, name);
		if (!number) {
			modules[n_modules] = name;
			number = ++n_modules;
			index_add(&index, hash, number);
			jsontext_escaped(json, NULL, name);
		}
		packed_add(&module_of, number - 1);
	}
	jsontext_close(json);
	index_deinit(&index);
	write_packed(json, "module", &module_of);
}

static void write_keys(struct jsontext *json, const struct frames *frames)
{
	uint32_t n = frames_end(frames);
	struct packed kinds = {0};
	jsontext_open(json, "names", '[');
	jsontext_escaped(json, NULL, "all");
	for (uint32_t i = 1; i < n; i++)
		jsontext_escaped(json, NULL, frames_key(frames, i)->name);
	jsontext_close(json);
	for (uint32_t i = 0; i < n; i++)
		packed_add(&kinds, i ? (int64_t)frames_key(frames, i)->kind : 0);
	write_packed(json, "kind", &kinds);
}

/* The node after this one in pre-order, 0: the end; *up: levels up (0: a child). */
static uint32_t next_node(const struct tree *tree, uint32_t node, uint32_t *up)
{
	*up = 0;
	if (tree->at[node].first_child)
		return tree->at[node].first_child;
	for (; node; node = tree->at[node].parent) {
		++*up;
		if (tree->at[node].next)
			return tree->at[node].next;
	}
	return 0;
}

static void write_tree(struct jsontext *json, struct data *data)
{
	const struct tree *tree = &data->tree;
	struct packed keys = {0}, ups = {0};
	uint32_t up, place = 0;
	data->place = memory_new(tree->n, sizeof(uint32_t));
	packed_add(&keys, 0);
	packed_add(&ups, 0);
	for (uint32_t node = 0; (node = next_node(tree, node, &up));) {
		data->place[node] = ++place;
		packed_add(&keys, tree->at[node].key);
		packed_add(&ups, up);
	}
	jsontext_int(json, "nodes", tree->n);
	write_packed(json, "key", &keys);
	write_packed(json, "up", &ups);
}

static int by_place(const void *left, const void *right, void *context)
{
	const struct data *data = context;
	const struct spent *a = left, *b = right;
	uint32_t pa = data->place[a->node], pb = data->place[b->node];
	if (pa != pb)
		return pa < pb ? -1 : 1;
	return a->owner < b->owner ? -1 : a->owner > b->owner;
}

/* The largest number that all values of a column are multiples of: mostly a period. */
static int64_t scale_of(const struct data *data, uint32_t column)
{
	uint64_t scale = 0;
	for (size_t i = 0; i < data->n_spent && scale != 1; i++) {
		int64_t value = data->values[i * data->profile->types.n + column];
		uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
		while (rest) {
			uint64_t next = scale % rest;
			scale = rest;
			rest = next;
		}
	}
	return scale > INT64_MAX ? 1 : (int64_t)scale;
}

/* Of each column: nothing when all is 0, else its values by its scale. */
static void write_values(struct jsontext *json, const struct data *data)
{
	uint32_t types = data->profile->types.n;
	jsontext_open(json, "scales", '[');
	for (uint32_t k = 0; k < types; k++)
		jsontext_int(json, NULL, scale_of(data, k));
	jsontext_close(json);
	jsontext_open(json, "values", '[');
	for (uint32_t k = 0; k < types; k++) {
		struct packed values = {0};
		int64_t scale = scale_of(data, k);
		for (size_t i = 0; i < data->n_spent && scale; i++)
			packed_add(&values,
				   data->values[(size_t)data->spent[i].row * types + k] / scale);
		write_packed(json, NULL, &values);
	}
	jsontext_close(json);
}

static void write_spent(struct jsontext *json, struct data *data)
{
	struct packed nodes = {0}, owners = {0};
	uint32_t before = 0;
	if (data->n_spent)
		qsort_r(data->spent, data->n_spent, sizeof(*data->spent), by_place, data);
	for (size_t i = 0; i < data->n_spent; i++) {
		uint32_t place = data->place[data->spent[i].node];
		packed_add(&nodes, place - before);
		packed_add(&owners, data->spent[i].owner);
		before = place;
	}
	jsontext_int(json, "spent", (int64_t)data->n_spent);
	write_packed(json, "node", &nodes);
	write_packed(json, "owner", &owners);
	write_values(json, data);
}

int flamegraph_data_write(FILE *out, const struct profile *profile, const char *file,
			  const struct selection_wish *wish, const struct flamegraph_extra *extra,
			  struct err *err)
{
	struct frames *names guard(guard_frames) = frames_new(profile, FRAMES_FUNCTION);
	struct selection selection guard(selection_deinit) = {0};
	int result = selection_init(&selection, profile, names, wish, err);
	if (result < 0)
		return result;
	struct data data = {
		.profile = profile,
		.selection = &selection,
		.frames = frames_new(profile, FRAMES_FUNCTION | FRAMES_MODULE | FRAMES_KIND),
		.owners = owners_new(profile, OWNERS_BY_THREAD),
	};
	add_stacks(&data);
	add_rows(&data);
	struct jsontext json = jsontext_init(out);
	jsontext_open(&json, NULL, '{');
	write_head(&json, &data, file, extra);
	write_owners(&json, data.owners);
	write_modules(&json, data.frames);
	write_keys(&json, data.frames);
	write_tree(&json, &data);
	write_spent(&json, &data);
	jsontext_close(&json);
	free(data.node_of_stack);
	free(data.place);
	free(data.spent);
	free(data.values);
	index_deinit(&data.index);
	tree_deinit(&data.tree);
	frames_free(data.frames);
	owners_free(data.owners);
	return 0;
}
