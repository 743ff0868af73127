/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report_owners.h"

#include "cli/amount.h"
#include "cli/jsontext.h"
#include "cli/report_view.h"
#include "cli/table.h"
#include "common/memory.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define HOT_PERCENT 5.0

struct sums {
	struct owners *owners;
	int64_t *of;	 /* by owner */
	uint32_t *order; /* n owners with a value, the largest first */
	uint32_t n;
};

static int larger_first(const void *left, const void *right, void *context)
{
	const struct sums *sums = context;
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	if (sums->of[a] != sums->of[b])
		return sums->of[a] > sums->of[b] ? -1 : 1;
	return a < b ? -1 : a > b;
}

static void sums_init(struct sums *sums, const struct report_view *view, enum owners_by by)
{
	const struct profile *profile = view->profile;
	sums->owners = owners_new(profile, by);
	uint32_t n = owners_end(sums->owners);
	sums->of = memory_new(n, sizeof(*sums->of));
	sums->order = memory_new(n, sizeof(*sums->order));
	sums->n = 0;
	for (uint32_t i = 0; i < profile->label_sets.n; i++) {
		int64_t *sum = &sums->of[owners_of(sums->owners, i)];
		*sum = selection_add(*sum, view->selection->of_labels[i]);
	}
	for (uint32_t i = 0; i < n; i++)
		if (sums->of[i])
			sums->order[sums->n++] = i;
	qsort_r(sums->order, sums->n, sizeof(*sums->order), larger_first, sums);
}

static void sums_deinit(struct sums *sums)
{
	owners_free(sums->owners);
	free(sums->of);
	free(sums->order);
}

static void number_text(char *out, size_t room, int64_t number)
{
	if (number)
		snprintf(out, room, "%" PRId64, number);
	else
		snprintf(out, room, "-");
}

static void add_row(struct table *table, const struct report_view *view, const struct sums *sums,
		    uint32_t number)
{
	int64_t total = view->selection->total, value = sums->of[number];
	const struct owners_one *owner = owners_get(sums->owners, number);
	char text[AMOUNT_TEXT], percent[AMOUNT_TEXT], pid[24], tid[24];
	amount_text(text, amount_scale(view->selection->unit, total), value);
	amount_percent(percent, value, total);
	number_text(pid, sizeof(pid), owner->pid);
	number_text(tid, sizeof(tid), owner->tid);
	const char *cells[] = {text, percent, pid, *owner->name ? owner->name : "(unknown)"};
	const char *with_tid[] = {text, percent, pid, tid, cells[3]};
	table_add(table, table_columns(table) == 5 ? with_tid : cells);
	if (fabs(amount_share(value, total)) >= HOT_PERCENT)
		table_highlight(table);
}

/* "CPU", "BLOCKED": the column's name is the title. */
static void title_of(char *out, size_t room, const struct selection *selection, const char *end)
{
	snprintf(out, room, "%.40s%s", selection->type, end);
	for (char *c = out; *c; c++)
		*c = (char)toupper((unsigned char)*c);
}

void report_owners_print(FILE *out, const struct report_view *view, enum owners_by by)
{
	char title[48], percent[48];
	struct sums sums;
	title_of(title, sizeof(title), view->selection, "");
	title_of(percent, sizeof(percent), view->selection, "%");
	const struct table_column processes[] = {{title, TABLE_RIGHT},
						 {percent, TABLE_RIGHT},
						 {"PID", TABLE_RIGHT},
						 {"PROCESS", TABLE_FLEXIBLE}};
	const struct table_column threads[] = {{title, TABLE_RIGHT},
					       {percent, TABLE_RIGHT},
					       {"PID", TABLE_RIGHT},
					       {"TID", TABLE_RIGHT},
					       {"THREAD", TABLE_FLEXIBLE}};
	bool by_thread = by == OWNERS_BY_THREAD;
	struct table *table = table_new(by_thread ? threads : processes, by_thread ? 5 : 4);
	sums_init(&sums, view, by);
	for (uint32_t i = 0; i < sums.n; i++)
		add_row(table, view, &sums, sums.order[i]);
	if (view->fill)
		table_fill(table);
	table_print(table, out, view->width, view->colour);
	table_free(table);
	sums_deinit(&sums);
}

void report_owners_json(struct jsontext *json, const struct report_view *view, enum owners_by by)
{
	struct sums sums;
	const char *suffix = amount_json_suffix(view->selection->unit);
	char key[32];
	snprintf(key, sizeof(key), "value%s%s", *suffix ? "_" : "", suffix);
	sums_init(&sums, view, by);
	jsontext_open(json, "rows", '[');
	for (uint32_t i = 0; i < sums.n; i++) {
		const struct owners_one *owner = owners_get(sums.owners, sums.order[i]);
		int64_t value = sums.of[sums.order[i]];
		jsontext_open(json, NULL, '{');
		jsontext_int(json, key, value);
		jsontext_real(json, "percent", amount_share(value, view->selection->total));
		jsontext_escaped(json, "name", owner->name);
		if (owner->pid)
			jsontext_int(json, "pid", owner->pid);
		if (owner->tid)
			jsontext_int(json, "tid", owner->tid);
		jsontext_close(json);
	}
	jsontext_close(json);
	sums_deinit(&sums);
}
