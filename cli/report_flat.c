/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report_flat.h"

#include "cli/amount.h"
#include "cli/frames.h"
#include "cli/jsontext.h"
#include "cli/report_view.h"
#include "cli/table.h"
#include "common/guard.h"

#include <math.h>
#include <string.h>

/* What stands out. */
#define HOT_PERCENT 5.0

static bool is_shown(const struct report_view *view, const struct totals *totals, uint32_t key)
{
	int64_t total = view->selection->total;
	double self = fabs(amount_share(totals->self[key], total));
	double cum = fabs(amount_share(totals->cum[key], total));
	return self >= view->min_percent || cum >= view->min_percent;
}

static void add_row(struct table *table, const struct report_view *view,
		    const struct totals *totals, uint32_t key)
{
	int64_t total = view->selection->total;
	struct amount_scale scale = amount_scale(view->selection->unit, total);
	char self[AMOUNT_TEXT], self_percent[AMOUNT_TEXT], cum[AMOUNT_TEXT],
		cum_percent[AMOUNT_TEXT];
	amount_text(self, scale, totals->self[key]);
	amount_percent(self_percent, totals->self[key], total);
	amount_text(cum, scale, totals->cum[key]);
	amount_percent(cum_percent, totals->cum[key], total);
	guard_mem char *name = report_view_name(view, key);
	/* By module alone: that is the name. */
	const char *cells[] = {self, self_percent,
			       cum,  cum_percent,
			       name, key ? frames_key(view->frames, key)->module : ""};
	table_add(table, cells);
	if (fabs(amount_share(totals->self[key], total)) >= HOT_PERCENT)
		table_highlight(table);
}

static void print_rest(FILE *out, const struct report_view *view, int64_t self, uint32_t n)
{
	char text[AMOUNT_TEXT], percent[AMOUNT_TEXT];
	amount_text(text, amount_scale(view->selection->unit, view->selection->total), self);
	amount_percent(percent, self, view->selection->total);
	fprintf(out, "(%u more below %g%%, together %s self, %s; --min 0 shows them)\n", n,
		view->min_percent, text, percent);
}

void report_flat_print(FILE *out, const struct report_view *view)
{
	static const struct table_column by_function[] = {
		{"SELF", TABLE_RIGHT}, {"SELF%", TABLE_RIGHT},	     {"CUM", TABLE_RIGHT},
		{"CUM%", TABLE_RIGHT}, {"FUNCTION", TABLE_FLEXIBLE}, {"MODULE", 0}};
	static const struct table_column by_module[] = {{"SELF", TABLE_RIGHT},
							{"SELF%", TABLE_RIGHT},
							{"CUM", TABLE_RIGHT},
							{"CUM%", TABLE_RIGHT},
							{"MODULE", TABLE_FLEXIBLE}};
	struct totals totals;
	uint32_t n, hidden = 0;
	int64_t hidden_self = 0;
	totals_init(&totals, view->selection, view->frames);
	guard_mem uint32_t *keys = totals_sorted(&totals, view->frames, view->order, &n);
	struct table *table = view->by_module ? table_new(by_module, 5) : table_new(by_function, 6);
	for (uint32_t i = 0; i < n; i++) {
		if (is_shown(view, &totals, keys[i])) {
			add_row(table, view, &totals, keys[i]);
			continue;
		}
		hidden++;
		hidden_self = selection_add(hidden_self, totals.self[keys[i]]);
	}
	if (view->fill)
		table_fill(table);
	table_print(table, out, view->width, view->colour);
	if (hidden)
		print_rest(out, view, hidden_self, hidden);
	table_free(table);
	totals_deinit(&totals);
}

/* "self_ns", "cum_bytes": plain numbers with their unit in the name. */
static void json_value(struct jsontext *json, const char *what, const char *unit, int64_t value)
{
	char key[32];
	const char *suffix = amount_json_suffix(unit);
	snprintf(key, sizeof(key), "%s%s%s", what, *suffix ? "_" : "", suffix);
	jsontext_int(json, key, value);
}

void report_flat_json(struct jsontext *json, const struct report_view *view)
{
	struct totals totals;
	uint32_t n;
	const char *unit = view->selection->unit;
	totals_init(&totals, view->selection, view->frames);
	guard_mem uint32_t *keys = totals_sorted(&totals, view->frames, view->order, &n);
	jsontext_open(json, "rows", '[');
	for (uint32_t i = 0; i < n; i++) {
		uint32_t key = keys[i];
		if (!is_shown(view, &totals, key))
			continue;
		jsontext_open(json, NULL, '{');
		json_value(json, "self", unit, totals.self[key]);
		jsontext_real(json, "self_percent",
			      amount_share(totals.self[key], view->selection->total));
		json_value(json, "cum", unit, totals.cum[key]);
		jsontext_real(json, "cum_percent",
			      amount_share(totals.cum[key], view->selection->total));
		jsontext_escaped(json, "function",
				 key ? frames_key(view->frames, key)->name : REPORT_VIEW_NO_STACK);
		jsontext_escaped(json, "module", key ? frames_key(view->frames, key)->module : "");
		if (view->by_line && key) {
			jsontext_escaped(json, "source", frames_key(view->frames, key)->file);
			jsontext_int(json, "line", frames_key(view->frames, key)->line);
		}
		jsontext_close(json);
	}
	jsontext_close(json);
	totals_deinit(&totals);
}
