/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report_view.h"

#include "cli/amount.h"
#include "cli/frames.h"
#include "cli/jsontext.h"
#include "cli/report_flat.h"
#include "cli/report_head.h"
#include "cli/report_owners.h"
#include "cli/report_resources.h"
#include "cli/report_tree.h"
#include "cli/report_wakers.h"
#include "common/array.h"
#include "common/memory.h"

#include <inttypes.h>
#include <string.h>

void report_view_print_selection(FILE *out, const struct selection *selection,
				 const struct selection_wish *wish)
{
	char kept[AMOUNT_TEXT], total[AMOUNT_TEXT], percent[AMOUNT_TEXT];
	struct amount_scale scale = amount_scale(selection->unit, selection->total);
	amount_text(kept, scale, selection->kept);
	amount_text(total, scale, selection->total);
	amount_percent(percent, selection->kept, selection->total);
	if (wish->focus || wish->ignore)
		fprintf(out, "%s: %s of %s (%s) selected\n", selection->type, kept, total, percent);
	else if (wish->sample || strcmp(selection->type, "cpu"))
		fprintf(out, "%s: %s\n", selection->type, total);
}

static enum owners_by owners_by(enum report_kind kind)
{
	return kind == REPORT_THREADS ? OWNERS_BY_THREAD : OWNERS_BY_PROCESS;
}

char *report_view_name(const struct report_view *view, uint32_t key)
{
	if (!key)
		return array_copy(REPORT_VIEW_NO_STACK, strlen(REPORT_VIEW_NO_STACK));
	const struct frames_key *k = frames_key(view->frames, key);
	char *with_line;
	if (!view->by_line || !*k->file)
		return array_copy(k->name, strlen(k->name));
	if (asprintf(&with_line, "%s  %s:%" PRId64, k->name, k->file, k->line) < 0)
		memory_exhausted();
	return with_line;
}

void report_view_print(FILE *out, const struct report_view *view)
{
	if (view->kind == REPORT_FLAT)
		report_flat_print(out, view);
	else if (view->kind == REPORT_TREE)
		report_tree_print(out, view, view->tree);
	else if (view->kind == REPORT_WAKERS)
		report_wakers_print(out, view);
	else if (view->kind == REPORT_RESOURCES)
		report_resources_print(out, view->profile, view->width);
	else
		report_owners_print(out, view, owners_by(view->kind));
}

void report_view_json(FILE *out, const struct report_view *view, const char *file)
{
	struct jsontext json = jsontext_init(out);
	jsontext_open(&json, NULL, '{');
	report_head_json(&json, view->profile, file);
	jsontext_open(&json, "sample", '{');
	jsontext_string(&json, "type", view->selection->type);
	jsontext_string(&json, "unit", view->selection->unit);
	jsontext_int(&json, "total", view->selection->total);
	jsontext_int(&json, "selected", view->selection->kept);
	jsontext_close(&json);
	if (view->kind == REPORT_FLAT)
		report_flat_json(&json, view);
	else if (view->kind == REPORT_TREE)
		report_tree_json(&json, view, view->tree);
	else if (view->kind == REPORT_WAKERS)
		report_wakers_json(&json, view);
	else if (view->kind == REPORT_RESOURCES)
		report_resources_json(&json, view->profile);
	else
		report_owners_json(&json, view, owners_by(view->kind));
	jsontext_close(&json);
}
