/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report_wakers.h"

#include "cli/amount.h"
#include "cli/frames.h"
#include "cli/jsontext.h"
#include "cli/report_view.h"
#include "cli/table.h"
#include "cli/tree.h"
#include "common/array.h"
#include "common/err.h"
#include "common/escape.h"
#include "common/memory.h"
#include "common/profile.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define HOT_PERCENT 5.0
#define NOT_KNOWN "(not ended meanwhile, or not known)"

/* A path of the tree: the program's function that waited, what of the C library it called for that
 * (keys of frames, 0: none), the waker and its stack (strings of the profile, 0: not known). */
enum level {
	FUNCTION = 1,
	VIA,
	WAKER,
	STACK,
};

struct wakers {
	struct tree tree;
	struct {
		int64_t *at; /* by node: intervals */
		uint32_t n, room;
	} waits;
};

static uint32_t label_text(const struct profile *profile, uint32_t labels, const char *key)
{
	const struct profile_labels *set = &profile->label_sets.at[labels];
	for (uint32_t i = 0; labels && i < set->n_labels; i++) {
		const struct profile_label *label = &profile->label.at[set->first_label + i];
		if (!strcmp(profile_string(profile, label->key), key))
			return label->text;
	}
	return 0;
}

int report_wakers_check(const struct profile *profile, struct err *err)
{
	for (uint32_t i = 1; i < profile->label_sets.n; i++)
		if (label_text(profile, i, "waker"))
			return 0;
	err_set(err, -ENODATA, ERR_FAILED, "the profile does not tell who ended waits");
	err_hint(err, "probe record --mode wall --wakers");
	return -ENODATA;
}

/* What waits are made of for most programs, but says nothing of why. */
static bool is_c_library(const char *module)
{
	static const char *const names[] = {"libc.so", "libpthread", "libc-", "ld-linux"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strncmp(module, names[i], strlen(names[i])))
			return true;
	return false;
}

struct place {
	uint32_t function, via;
};

static struct place place_of(const struct report_view *view, uint32_t stack)
{
	const struct profile_stack *s = &view->profile->stacks.at[stack];
	struct place place = {0};
	uint32_t leaf = 0;
	for (uint32_t i = 0; i < s->n_frames; i++) {
		uint32_t n;
		uint32_t location = view->profile->frames.at[s->first_frame + i];
		const uint32_t *keys = frames_of(view->frames, location, &n);
		for (uint32_t k = 0; k < n; k++) {
			const struct frames_key *key = frames_key(view->frames, keys[k]);
			leaf = leaf ? leaf : keys[k];
			if (key->kind & FRAMES_KERNEL)
				continue;
			if (!is_c_library(key->module))
				return (struct place){keys[k], place.via};
			place.via = keys[k];
		}
	}
	return place.via ? (struct place){place.via, 0} : (struct place){leaf, 0};
}

/* The child of `node`, with room for its sum. */
static uint32_t step(struct wakers *wakers, uint32_t node, uint32_t key, int64_t waits)
{
	uint32_t child = tree_child(&wakers->tree, node, key);
	while (wakers->waits.n <= child)
		array_add(&wakers->waits);
	wakers->waits.at[child] = selection_add(wakers->waits.at[child], waits);
	return child;
}

static void wakers_init(struct wakers *wakers, const struct report_view *view)
{
	const struct profile *profile = view->profile;
	int events = profile_find_type(profile, "offcpu_events");
	*wakers = (struct wakers){0};
	tree_init(&wakers->tree);
	for (uint32_t i = 0; i < profile->rows.n; i++) {
		int64_t value = selection_row(view->selection, i), waits = 0;
		if (!value)
			continue;
		if (events >= 0)
			waits = profile->values[(size_t)i * profile->types.n + (size_t)events];
		const struct profile_row *row = &profile->rows.at[i];
		struct place place = place_of(view, row->stack);
		uint32_t node = step(wakers, 0, place.function, waits);
		node = step(wakers, node, place.via, waits);
		node = step(wakers, node, label_text(profile, row->labels, "waker"), waits);
		node = step(wakers, node, label_text(profile, row->labels, "waker_stack"), waits);
		int64_t *self = &wakers->tree.at[node].self;
		*self = selection_add(*self, value);
	}
	tree_finish(&wakers->tree);
}

static void wakers_deinit(struct wakers *wakers)
{
	tree_deinit(&wakers->tree);
	free(wakers->waits.at);
}

static const char *frame_name(const struct report_view *view, uint32_t key)
{
	return key ? frames_key(view->frames, key)->name : "[no stack]";
}

/* "futex_wake < unlock < main" of "futex_wake;unlock;main" */
static char *stack_text(const char *label)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	if (!out)
		memory_exhausted();
	for (; *label; label++)
		if (*label == ';')
			fputs(" < ", out);
		else
			fputc(*label, out);
	fclose(out);
	char *escaped = escape_new(text, strlen(text));
	free(text);
	return escaped;
}

/* "take (pthread_mutex_lock)"; "nginx (4243)" */
static char *name_of(const struct report_view *view, const struct tree *tree, uint32_t node,
		     enum level level)
{
	uint32_t key = tree->at[node].key;
	uint32_t parent_key = tree->at[tree->at[node].parent].key;
	const char *label = profile_string(view->profile, key);
	char *text = NULL;
	int n = 0;
	if (level == STACK)
		return stack_text(label);
	if (level == WAKER)
		return key ? escape_new(label, strlen(label))
			   : array_copy(NOT_KNOWN, strlen(NOT_KNOWN));
	if (key)
		n = asprintf(&text, "%s (%s)", frame_name(view, parent_key), frame_name(view, key));
	else
		n = asprintf(&text, "%s", frame_name(view, parent_key));
	if (n < 0)
		memory_exhausted();
	return text;
}

static void add_row(struct table *table, const struct report_view *view,
		    const struct wakers *wakers, uint32_t node, enum level level)
{
	const struct selection *selection = view->selection;
	int64_t value = wakers->tree.at[node].cum;
	char time[AMOUNT_TEXT], percent[AMOUNT_TEXT], waits[AMOUNT_TEXT];
	guard_mem char *name = name_of(view, &wakers->tree, node, level);
	guard_mem char *indented = NULL;
	if (asprintf(&indented, "%*s%s", 2 * (level - VIA), "", name) < 0)
		memory_exhausted();
	amount_text(time, amount_scale(selection->unit, selection->total), value);
	amount_percent(percent, value, selection->total);
	amount_alone(waits, "count", wakers->waits.at[node]);
	const char *cells[] = {time, percent, waits, indented};
	table_add(table, cells);
	if (level == VIA && fabs(amount_share(value, selection->total)) >= HOT_PERCENT)
		table_highlight(table);
}

static bool is_shown(const struct report_view *view, const struct wakers *wakers, uint32_t node)
{
	double share = amount_share(wakers->tree.at[node].cum, view->selection->total);
	return fabs(share) >= view->min_percent;
}

/* A function stands in one line with what it called. */
static void add_rows(struct table *table, const struct report_view *view,
		     const struct wakers *wakers, uint32_t parent, enum level level)
{
	const struct tree_node *nodes = wakers->tree.at;
	for (uint32_t i = nodes[parent].first_child; i; i = nodes[i].next) {
		if (!is_shown(view, wakers, i))
			continue;
		if (level != FUNCTION && (level != STACK || nodes[i].key))
			add_row(table, view, wakers, i, level);
		if (level != STACK)
			add_rows(table, view, wakers, i, level + 1);
	}
}

void report_wakers_print(FILE *out, const struct report_view *view)
{
	static const struct table_column columns[] = {{"TIME", TABLE_RIGHT},
						      {"TIME%", TABLE_RIGHT},
						      {"WAITS", TABLE_RIGHT},
						      {"WAITED IN, ENDED BY", TABLE_FLEXIBLE}};
	struct wakers wakers guard(wakers_deinit) = {0};
	wakers_init(&wakers, view);
	struct table *table = table_new(columns, 4);
	add_rows(table, view, &wakers, 0, FUNCTION);
	table_print(table, out, view->width, view->colour);
	table_free(table);
}

static void json_row(struct jsontext *json, const struct report_view *view,
		     const struct wakers *wakers, uint32_t stack)
{
	const struct tree_node *nodes = wakers->tree.at;
	uint32_t waker = nodes[stack].parent, via = nodes[waker].parent;
	uint32_t function = nodes[via].parent;
	jsontext_open(json, NULL, '{');
	char key[32];
	const char *suffix = amount_json_suffix(view->selection->unit);
	snprintf(key, sizeof(key), "value%s%s", *suffix ? "_" : "", suffix);
	jsontext_int(json, key, nodes[stack].cum);
	jsontext_real(json, "percent", amount_share(nodes[stack].cum, view->selection->total));
	jsontext_int(json, "waits_count", wakers->waits.at[stack]);
	jsontext_escaped(json, "function", frame_name(view, nodes[function].key));
	if (nodes[via].key)
		jsontext_escaped(json, "via", frame_name(view, nodes[via].key));
	if (nodes[waker].key)
		jsontext_string(json, "waker", profile_string(view->profile, nodes[waker].key));
	if (nodes[stack].key)
		jsontext_string(json, "waker_stack",
				profile_string(view->profile, nodes[stack].key));
	jsontext_close(json);
}

/* In the order of the table. */
static void json_rows(struct jsontext *json, const struct report_view *view,
		      const struct wakers *wakers, uint32_t parent, enum level level)
{
	const struct tree_node *nodes = wakers->tree.at;
	for (uint32_t i = nodes[parent].first_child; i; i = nodes[i].next) {
		if (!is_shown(view, wakers, i))
			continue;
		if (level == STACK)
			json_row(json, view, wakers, i);
		else
			json_rows(json, view, wakers, i, level + 1);
	}
}

void report_wakers_json(struct jsontext *json, const struct report_view *view)
{
	struct wakers wakers guard(wakers_deinit) = {0};
	wakers_init(&wakers, view);
	jsontext_open(json, "rows", '[');
	json_rows(json, view, &wakers, 0, FUNCTION);
	jsontext_close(json);
}
