/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report_tree.h"

#include "cli/amount.h"
#include "cli/frames.h"
#include "cli/jsontext.h"
#include "cli/report_view.h"
#include "cli/table.h"
#include "common/err.h"
#include "common/guard.h"
#include "common/memory.h"
#include "common/nearest.h"

#include <errno.h>
#include <math.h>
#include <regex.h>
#include <string.h>

#define HOT_PERCENT 5.0

/* The keys of the stack at hand, root first. */
struct sequence {
	uint32_t *at;
	size_t n, room;
};

static void collect(struct sequence *sequence, const struct report_view *view, uint32_t stack)
{
	const struct profile_stack *s = &view->profile->stacks.at[stack];
	sequence->n = 0;
	for (uint32_t i = s->n_frames; i-- > 0;) {
		uint32_t n;
		uint32_t location = view->profile->frames.at[s->first_frame + i];
		const uint32_t *keys = frames_of(view->frames, location, &n);
		sequence->at = memory_grow(sequence->at, &sequence->room, sequence->n + n,
					   sizeof(*sequence->at));
		for (uint32_t k = n; k-- > 0;) {
			/* A module that calls itself is one step. */
			bool again = view->by_module && sequence->n &&
				     sequence->at[sequence->n - 1] == keys[k];
			if (!again)
				sequence->at[sequence->n++] = keys[k];
		}
	}
}

static int no_such_function(const struct report_view *view, const char *function, struct err *err)
{
	const struct frames *frames = view->frames;
	struct nearest nearest = nearest_init(function);
	for (uint32_t key = 1; key < frames_end(frames); key++)
		nearest_try(&nearest, frames_key(frames, key)->name);
	err_set(err, -ENOENT, ERR_FAILED, "no %s \"%s\" in this profile",
		view->by_module ? "module" : "function", function);
	if (nearest.best)
		err_hint(err, "did you mean \"%s\"?", nearest.best);
	err_hint(err, "a regular expression will do; `probe report%s` lists the %s",
		 view->by_module ? " --modules" : "", view->by_module ? "modules" : "functions");
	return -ENOENT;
}

/* Keys of that name, else those that match it as a regular expression. New array. */
static int find_function(const struct report_view *view, const char *function, bool **matches,
			 struct err *err)
{
	const struct frames *frames = view->frames;
	bool any = false;
	guard_mem bool *found = memory_new(frames_end(frames), sizeof(bool));
	for (uint32_t key = 1; key < frames_end(frames); key++) {
		found[key] = !strcmp(frames_key(frames, key)->name, function);
		any = any || found[key];
	}
	regex_t regex;
	if (!any && !regcomp(&regex, function, REG_EXTENDED | REG_NOSUB)) {
		for (uint32_t key = 1; key < frames_end(frames); key++) {
			found[key] = !regexec(&regex, frames_key(frames, key)->name, 0, NULL, 0);
			any = any || found[key];
		}
		regfree(&regex);
	}
	if (!any)
		return no_such_function(view, function, err);
	*matches = steal_ptr(found);
	return 0;
}

static void add_calls(struct tree *tree, const struct sequence *sequence, size_t first,
		      int64_t value)
{
	uint32_t node = 0;
	for (size_t i = first; i < sequence->n; i++)
		node = tree_child(tree, node, sequence->at[i]);
	tree->at[node].self = selection_add(tree->at[node].self, value);
}

static void add_callers(struct tree *tree, const struct sequence *sequence, size_t last,
			int64_t value)
{
	uint32_t node = 0;
	for (size_t i = last + 1; i-- > 0;)
		node = tree_child(tree, node, sequence->at[i]);
	tree->at[node].self = selection_add(tree->at[node].self, value);
}

static void add_stack(struct tree *tree, const struct sequence *sequence, enum report_tree_way way,
		      const bool *matches, int64_t value)
{
	if (way == REPORT_TREE_CALLS)
		return add_calls(tree, sequence, 0, value);
	for (size_t i = 0; i < sequence->n; i++) {
		size_t at = way == REPORT_TREE_CALLEES ? i : sequence->n - 1 - i;
		if (!matches[sequence->at[at]])
			continue;
		if (way == REPORT_TREE_CALLEES)
			add_calls(tree, sequence, at, value);
		else
			add_callers(tree, sequence, at, value);
		return;
	}
}

int report_tree_build(struct tree *tree, const struct report_view *view, enum report_tree_way way,
		      const char *function, struct err *err)
{
	guard_mem bool *matches = NULL;
	if (way != REPORT_TREE_CALLS) {
		int result = find_function(view, function, &matches, err);
		if (result < 0)
			return result;
	}
	struct sequence sequence = {0};
	tree_init(tree);
	for (uint32_t i = 0; i < view->profile->stacks.n; i++) {
		int64_t value = view->selection->of_stack[i];
		if (!value)
			continue;
		collect(&sequence, view, i);
		add_stack(tree, &sequence, way, matches, value);
	}
	free(sequence.at);
	tree_finish(tree);
	return 0;
}

/* A node on its way to the reader: pre-order, small ones left out. */
struct visit {
	const struct report_view *view;
	const struct tree *tree;
	uint32_t node;	 /* 0: the end */
	uint32_t indent; /* branches above */
	bool branch;	 /* it has a sibling that is shown */
	uint32_t *indents;
};

static bool is_shown(const struct visit *visit, uint32_t node)
{
	double share = amount_share(visit->tree->at[node].cum, visit->view->selection->total);
	return fabs(share) >= visit->view->min_percent;
}

/* The first of a list of siblings that is shown; 0: none. */
static uint32_t shown(const struct visit *visit, uint32_t node)
{
	while (node && !is_shown(visit, node))
		node = visit->tree->at[node].next;
	return node;
}

static void enter(struct visit *visit, uint32_t node, uint32_t indent)
{
	uint32_t parent = visit->tree->at[node].parent;
	uint32_t first = shown(visit, visit->tree->at[parent].first_child);
	visit->branch = parent && (first != node || shown(visit, visit->tree->at[node].next));
	visit->node = node;
	visit->indent = indent;
	visit->indents[node] = indent + (visit->branch ? 1 : 0);
}

static struct visit visit_init(const struct report_view *view, const struct tree *tree)
{
	struct visit visit = {
		.view = view, .tree = tree, .indents = memory_new(tree->n, sizeof(*visit.indents))};
	uint32_t first = shown(&visit, tree->at[0].first_child);
	if (first)
		enter(&visit, first, 0);
	return visit;
}

static void visit_next(struct visit *visit)
{
	const struct tree_node *nodes = visit->tree->at;
	uint32_t node = visit->node, child = shown(visit, nodes[node].first_child);
	if (child)
		return enter(visit, child, visit->indents[node]);
	for (; node; node = nodes[node].parent) {
		uint32_t next = shown(visit, nodes[node].next);
		if (next)
			return enter(visit, next, visit->indents[nodes[node].parent]);
	}
	visit->node = 0;
}

static void add_row(struct table *table, const struct visit *visit)
{
	const struct tree_node *node = &visit->tree->at[visit->node];
	const struct selection *selection = visit->view->selection;
	const struct frames_key *key = frames_key(visit->view->frames, node->key);
	struct amount_scale scale = amount_scale(selection->unit, selection->total);
	char cum[AMOUNT_TEXT], cum_percent[AMOUNT_TEXT], self[AMOUNT_TEXT],
		self_percent[AMOUNT_TEXT];
	amount_text(cum, scale, node->cum);
	amount_percent(cum_percent, node->cum, selection->total);
	amount_text(self, scale, node->self);
	amount_percent(self_percent, node->self, selection->total);
	guard_mem char *shown = report_view_name(visit->view, node->key);
	guard_mem char *name = NULL;
	if (asprintf(&name, "%*s%s%s", (int)(2 * visit->indent), "", visit->branch ? "+ " : "",
		     shown) < 0)
		memory_exhausted();
	/* By module alone: that is the name. */
	const char *cells[] = {cum, cum_percent, self, self_percent, name, key->module};
	table_add(table, cells);
	if (fabs(amount_share(node->self, selection->total)) >= HOT_PERCENT)
		table_highlight(table);
}

void report_tree_print(FILE *out, const struct report_view *view, const struct tree *tree)
{
	static const struct table_column columns[] = {
		{"CUM", TABLE_RIGHT},	{"CUM%", TABLE_RIGHT},	      {"SELF", TABLE_RIGHT},
		{"SELF%", TABLE_RIGHT}, {"FUNCTION", TABLE_FLEXIBLE}, {"MODULE", 0}};
	static const struct table_column by_module[] = {{"CUM", TABLE_RIGHT},
							{"CUM%", TABLE_RIGHT},
							{"SELF", TABLE_RIGHT},
							{"SELF%", TABLE_RIGHT},
							{"MODULE", TABLE_FLEXIBLE}};
	struct table *table = view->by_module ? table_new(by_module, 5) : table_new(columns, 6);
	struct visit visit = visit_init(view, tree);
	for (; visit.node; visit_next(&visit))
		add_row(table, &visit);
	table_print(table, out, view->width, view->colour);
	if (view->min_percent > 0)
		fprintf(out, "(branches below %g%% are not shown; --min 0 shows them)\n",
			view->min_percent);
	free(visit.indents);
	table_free(table);
}

static void json_value(struct jsontext *json, const char *what, const char *unit, int64_t value)
{
	char key[32];
	const char *suffix = amount_json_suffix(unit);
	snprintf(key, sizeof(key), "%s%s%s", what, *suffix ? "_" : "", suffix);
	jsontext_int(json, key, value);
}

void report_tree_json(struct jsontext *json, const struct report_view *view,
		      const struct tree *tree)
{
	guard_mem uint32_t *depths = memory_new(tree->n, sizeof(*depths));
	struct visit visit = visit_init(view, tree);
	jsontext_open(json, "rows", '[');
	for (; visit.node; visit_next(&visit)) {
		const struct tree_node *node = &tree->at[visit.node];
		const struct frames_key *key = frames_key(view->frames, node->key);
		depths[visit.node] = depths[node->parent] + 1;
		jsontext_open(json, NULL, '{');
		jsontext_int(json, "depth", depths[visit.node] - 1);
		json_value(json, "cum", view->selection->unit, node->cum);
		jsontext_real(json, "cum_percent", amount_share(node->cum, view->selection->total));
		json_value(json, "self", view->selection->unit, node->self);
		jsontext_escaped(json, "function", key->name);
		jsontext_escaped(json, "module", key->module);
		if (view->by_line) {
			jsontext_escaped(json, "source", key->file);
			jsontext_int(json, "line", key->line);
		}
		jsontext_close(json);
	}
	jsontext_close(json);
	free(visit.indents);
}
