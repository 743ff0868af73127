/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/folded.h"

#include "cli/frames.h"
#include "cli/owners.h"
#include "cli/selection.h"
#include "cli/tree.h"
#include "common/index.h"
#include "common/memory.h"

#include <inttypes.h>
#include <string.h>

/* Keys of the tree: owners first, frames after them. */
struct folded {
	const struct selection *selection;
	struct frames *frames;
	struct owners *owners;
	struct tree tree;
};

/* Where the rows of an owner and a stack end in the tree; so that a stack is walked once an owner,
 * not once a row. */
struct place {
	uint32_t owner, stack, node;
};
struct places {
	struct place *at;
	size_t n, room;
	struct index index;
};

static bool same_place(const void *context, uint32_t number, const void *key)
{
	const struct place *a = &((const struct places *)context)->at[number - 1], *b = key;
	return a->owner == b->owner && a->stack == b->stack;
}

static uint32_t walk(struct folded *folded, uint32_t owner, uint32_t stack)
{
	const struct profile *profile = folded->selection->profile;
	const struct profile_stack *s = &profile->stacks.at[stack];
	uint32_t owners = owners_end(folded->owners), node = 0;
	if (*owners_get(folded->owners, owner)->name)
		node = tree_child(&folded->tree, node, owner);
	for (uint32_t i = s->n_frames; i-- > 0;) {
		uint32_t n;
		const uint32_t *keys =
			frames_of(folded->frames, profile->frames.at[s->first_frame + i], &n);
		for (uint32_t k = n; k-- > 0;)
			node = tree_child(&folded->tree, node, owners + keys[k]);
	}
	return node;
}

static uint32_t find_place(struct folded *folded, struct places *places,
			   const struct profile_row *row)
{
	struct place place = {owners_of(folded->owners, row->labels), row->stack, 0};
	uint64_t hash = index_hash(&place, sizeof(place));
	uint32_t number = index_find(&places->index, hash, same_place, places, &place);
	if (number)
		return places->at[number - 1].node;
	place.node = walk(folded, place.owner, place.stack);
	places->at = memory_grow(places->at, &places->room, places->n + 1, sizeof(place));
	places->at[places->n++] = place;
	index_add(&places->index, hash, (uint32_t)places->n);
	return place.node;
}

static void build(struct folded *folded)
{
	const struct profile *profile = folded->selection->profile;
	struct places places = {0};
	tree_init(&folded->tree);
	for (uint32_t i = 0; i < profile->rows.n; i++) {
		int64_t value = selection_row(folded->selection, i);
		if (!value)
			continue;
		uint32_t node = find_place(folded, &places, &profile->rows.at[i]);
		folded->tree.at[node].self = selection_add(folded->tree.at[node].self, value);
	}
	free(places.at);
	index_deinit(&places.index);
}

/* `;` would split a frame; line breaks have been escaped. */
static void put_text(FILE *out, const char *text)
{
	for (; *text; text++)
		putc_unlocked(*text == ';' ? ':' : *text, out);
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

static void put_path(FILE *out, const struct folded *folded, uint32_t node, uint32_t *path,
		     const struct folded_options *options)
{
	uint32_t n = 0, owners = owners_end(folded->owners);
	for (; node; node = folded->tree.at[node].parent)
		path[n++] = folded->tree.at[node].key;
	if (!n)
		fputs("[no stack]", out);
	while (n-- > 0) {
		if (path[n] < owners)
			put_owner(out, owners_get(folded->owners, path[n]), options->threads);
		else
			put_frame(out, frames_key(folded->frames, path[n] - owners),
				  options->annotate);
		if (n)
			putc_unlocked(';', out);
	}
}

static uint32_t deepest(const struct tree *tree)
{
	uint32_t most = 0;
	guard_mem uint32_t *depth = memory_new(tree->n, sizeof(*depth));
	for (uint32_t i = 1; i < tree->n; i++) {
		depth[i] = depth[tree->at[i].parent] + 1;
		most = depth[i] > most ? depth[i] : most;
	}
	return most;
}

static void print(FILE *out, const struct folded *folded, const struct folded_options *options)
{
	int64_t divisor = !strcmp(folded->selection->unit, "nanoseconds") ? 1000 : 1;
	int64_t rest = 0; /* what rounding down has left so far: goes to the next line */
	guard_mem uint32_t *path = memory_new((size_t)deepest(&folded->tree) + 1, sizeof(*path));
	for (uint32_t i = 0; i < folded->tree.n; i++) {
		int64_t value = folded->tree.at[i].self;
		if (value <= 0)
			continue;
		value = selection_add(value, rest);
		rest = value % divisor;
		if (value < divisor)
			continue;
		put_path(out, folded, i, path, options);
		fprintf(out, " %" PRId64 "\n", value / divisor);
	}
}

void folded_write(FILE *out, const struct selection *selection,
		  const struct folded_options *options)
{
	unsigned parts = FRAMES_FUNCTION | (options->annotate ? FRAMES_KIND : 0);
	struct folded folded = {
		.selection = selection,
		.frames = frames_new(selection->profile, parts),
		.owners = owners_new(selection->profile,
				     options->threads ? OWNERS_BY_THREAD : OWNERS_BY_COMM),
	};
	build(&folded);
	print(out, &folded, options);
	tree_deinit(&folded.tree);
	owners_free(folded.owners);
	frames_free(folded.frames);
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
