/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report_owners.h"

#include "cli/accounts.h"
#include "cli/amount.h"
#include "cli/jsontext.h"
#include "cli/report_view.h"
#include "cli/table.h"
#include "common/guard.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define HOT_PERCENT 5.0

static void number_text(char *out, size_t room, int64_t number)
{
	if (number)
		snprintf(out, room, "%" PRId64, number);
	else
		snprintf(out, room, "-");
}

enum {
	COLUMNS_MAX = 9
};

/* "-": not known of this one. */
static void time_text(char out[AMOUNT_TEXT], const struct accounts *accounts,
		      const struct account *account, int64_t ns)
{
	if (account->known)
		amount_text(out, amount_scale("nanoseconds", accounts->wall_ns), ns);
	else
		snprintf(out, AMOUNT_TEXT, "-");
}

static void add_row(struct table *table, const struct report_view *view,
		    const struct accounts *accounts, const struct account *account, bool by_thread)
{
	int64_t total = view->selection->total;
	char text[AMOUNT_TEXT], percent[AMOUNT_TEXT], pid[24], tid[24], times[4][AMOUNT_TEXT];
	const char *cells[COLUMNS_MAX] = {text, percent};
	size_t n = 2;
	amount_text(text, amount_scale(view->selection->unit, total), account->value);
	amount_percent(percent, account->value, total);
	time_text(times[0], accounts, account, account->oncpu_ns);
	time_text(times[1], accounts, account, account->stolen_ns);
	time_text(times[2], accounts, account, account->runnable_ns);
	time_text(times[3], accounts, account, account->blocked_ns);
	for (size_t i = 0; i < 4 && accounts->known; i++)
		if (i != 1 || accounts->stolen_ns)
			cells[n++] = times[i];
	number_text(pid, sizeof(pid), account->pid);
	number_text(tid, sizeof(tid), account->tid);
	cells[n++] = pid;
	if (by_thread)
		cells[n++] = tid;
	cells[n] = *account->name ? account->name : "(unknown)";
	table_add(table, cells);
	if (fabs(amount_share(account->value, total)) >= HOT_PERCENT)
		table_highlight(table);
}

/* "CPU", "BLOCKED": the column's name is the title. */
static void title_of(char *out, size_t room, const struct selection *selection, const char *end)
{
	snprintf(out, room, "%.40s%s", selection->type, end);
	for (char *c = out; *c; c++)
		*c = (char)toupper((unsigned char)*c);
}

static size_t choose_columns(struct table_column columns[COLUMNS_MAX],
			     const struct accounts *accounts, const char *title,
			     const char *percent, bool by_thread)
{
	size_t n = 0;
	columns[n++] = (struct table_column){title, TABLE_RIGHT};
	columns[n++] = (struct table_column){percent, TABLE_RIGHT};
	if (accounts->known) {
		columns[n++] = (struct table_column){"ON-CPU", TABLE_RIGHT};
		if (accounts->stolen_ns)
			columns[n++] = (struct table_column){"STOLEN", TABLE_RIGHT};
		columns[n++] = (struct table_column){"RUNNABLE", TABLE_RIGHT};
		columns[n++] = (struct table_column){"BLOCKED", TABLE_RIGHT};
	}
	columns[n++] = (struct table_column){"PID", TABLE_RIGHT};
	if (by_thread)
		columns[n++] = (struct table_column){"TID", TABLE_RIGHT};
	columns[n++] = (struct table_column){by_thread ? "THREAD" : "PROCESS", TABLE_FLEXIBLE};
	return n;
}

void report_owners_print(FILE *out, const struct report_view *view, enum owners_by by)
{
	char title[48], percent[48];
	struct accounts accounts guard(accounts_deinit) = {0};
	struct table_column columns[COLUMNS_MAX];
	bool by_thread = by == OWNERS_BY_THREAD;
	title_of(title, sizeof(title), view->selection, "");
	title_of(percent, sizeof(percent), view->selection, "%");
	accounts_init(&accounts, view->selection, by);
	size_t n = choose_columns(columns, &accounts, title, percent, by_thread);
	struct table *table = table_new(columns, n);
	for (uint32_t i = 0; i < accounts.n; i++)
		add_row(table, view, &accounts, &accounts.at[i], by_thread);
	if (view->fill)
		table_fill(table);
	table_print(table, out, view->width, view->colour);
	table_free(table);
}

static void json_times(struct jsontext *json, const struct account *account)
{
	jsontext_int(json, "oncpu_ns", account->oncpu_ns);
	if (account->stolen_known)
		jsontext_int(json, "stolen_ns", account->stolen_ns);
	jsontext_int(json, "runnable_ns", account->runnable_ns);
	jsontext_int(json, "blocked_ns", account->blocked_ns);
	jsontext_int(json, "thread_time_ns", account->wall_ns);
}

void report_owners_json(struct jsontext *json, const struct report_view *view, enum owners_by by)
{
	struct accounts accounts guard(accounts_deinit) = {0};
	const char *suffix = amount_json_suffix(view->selection->unit);
	char key[32];
	snprintf(key, sizeof(key), "value%s%s", *suffix ? "_" : "", suffix);
	accounts_init(&accounts, view->selection, by);
	jsontext_open(json, "rows", '[');
	for (uint32_t i = 0; i < accounts.n; i++) {
		const struct account *account = &accounts.at[i];
		jsontext_open(json, NULL, '{');
		jsontext_int(json, key, account->value);
		jsontext_real(json, "percent",
			      amount_share(account->value, view->selection->total));
		jsontext_escaped(json, "name", account->name);
		if (account->pid)
			jsontext_int(json, "pid", account->pid);
		if (account->tid)
			jsontext_int(json, "tid", account->tid);
		if (account->known)
			json_times(json, account);
		jsontext_close(json);
	}
	jsontext_close(json);
}
