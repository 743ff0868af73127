/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/diff_print.h"

#include "cli/amount.h"
#include "cli/jsontext.h"
#include "cli/table.h"
#include "common/escape.h"

#include <math.h>
#include <string.h>

/* More than a machine with nothing else to do takes away. */
#define MISSED_MUCH_PERCENT 10.0

static const char *per_text(enum diff_by by)
{
	static const char *const texts[] = {[DIFF_BY_RUN] = " per run",
					    [DIFF_BY_TIME] = " per second",
					    [DIFF_BY_SHARE] = "",
					    [DIFF_BY_WORK] = " per unit of work"};
	return texts[by];
}

/* Values may be far smaller than their unit (bytes a request), which text shows hundredths of. */
static struct amount_scale scale_of(const struct diff_view *view)
{
	if (view->by == DIFF_BY_SHARE)
		return (struct amount_scale){.divisor = 0.01, .decimals = 2, .suffix = "%"};
	const struct diff_delta *whole = &view->result->whole;
	struct amount_scale scale = amount_scale(
		view->column->unit, llround(fmin(fmax(whole->before, whole->after), 9e18)));
	if (scale.divisor == 1)
		scale.decimals = 2;
	return scale;
}

static void value_text(char out[AMOUNT_TEXT], struct amount_scale scale, double value)
{
	double shown = value / scale.divisor * 1e6; /* rounded once more below */
	scale.divisor = 1e6;
	amount_text(out, scale, llround(fmax(fmin(shown, 9e18), -9e18)));
}

static void delta_text(char out[AMOUNT_TEXT], struct amount_scale scale, double value)
{
	char plain[AMOUNT_TEXT];
	value_text(plain, scale, value);
	snprintf(out, AMOUNT_TEXT, "%s%.*s", value > 0 ? "+" : "", AMOUNT_TEXT - 2, plain);
}

static void change_text(char out[AMOUNT_TEXT], const struct diff_delta *delta)
{
	if (!(delta->before > 0))
		snprintf(out, AMOUNT_TEXT, "new");
	else if (!(delta->after > 0))
		snprintf(out, AMOUNT_TEXT, "gone");
	else
		snprintf(out, AMOUNT_TEXT, "%+.1f%%", 100 * delta->delta / delta->before);
}

static const char *verdict(const struct diff_delta *delta)
{
	return !delta->is_sure ? "" : delta->delta > 0 ? "more" : "less";
}

static double side_seconds(const struct diff_side *side)
{
	double seconds = 0;
	for (uint32_t i = 0; i < side->n; i++)
		seconds += (double)side->runs[i].duration_ns / 1e9;
	return seconds;
}

static void print_side(FILE *out, const struct diff_view *view, int s)
{
	const struct diff_side *side = &view->sides[s];
	const char *const *names = view->names + (s ? view->sides[0].n : 0);
	char shown[200];
	fputs(s ? "after: " : "before:", out);
	for (uint32_t i = 0; i < side->n; i++) {
		escape_text(shown, sizeof(shown), names[i], strlen(names[i]));
		fprintf(out, " %s", shown);
		if (side->runs[i].labels && *side->runs[i].labels)
			fprintf(out, " (%s)", side->runs[i].labels);
	}
	if (side_seconds(side) > 0)
		fprintf(out, "  %.1fs", side_seconds(side));
	fputc('\n', out);
}

static void print_whole(FILE *out, const struct diff_view *view)
{
	const struct diff_delta *whole = &view->result->whole;
	char before[AMOUNT_TEXT], after[AMOUNT_TEXT], change[AMOUNT_TEXT];
	struct amount_scale scale = scale_of(view);
	if (view->by == DIFF_BY_SHARE) {
		fprintf(out, "%s, as shares of each side's whole\n", view->column->type);
		return;
	}
	value_text(before, scale, whole->before);
	value_text(after, scale, whole->after);
	change_text(change, whole);
	fprintf(out, "%s%s: %s before, %s after: %s, noise %.1f%%: ", view->column->type,
		per_text(view->by), before, after, change, 100 * whole->noise / whole->before);
	if (whole->is_sure)
		fprintf(out, "%s %s\n", view->result->is_measured ? "surely" : "probably",
			verdict(whole));
	else
		fputs("no sure change\n", out);
}

/* How much CPU time a second has is the machine's doing when others take it away. */
static void print_missed(FILE *out, const struct diff_view *view)
{
	double before = 100 * (1 - view->sides[0].had_cpu);
	double after = 100 * (1 - view->sides[1].had_cpu);
	if (!(view->sides[0].had_cpu > 0 && view->sides[1].had_cpu > 0) ||
	    fmax(before, after) < MISSED_MUCH_PERCENT)
		return;
	fprintf(out,
		"note: threads ready to run were without a CPU for %.0f%% of that time before, "
		"%.0f%% after: that is in the noise; --by share leaves it out\n",
		before, after);
}

static void print_notes(FILE *out, const struct diff_view *view)
{
	const struct diff_result *result = view->result;
	fprintf(out, "%u of %u functions surely changed (95%% sure of all of them together)\n",
		result->n_sure, result->n);
	if (result->is_measured)
		fprintf(out, "noise: of sampling and between runs, measured on %u + %u files\n",
			view->sides[0].n, view->sides[1].n);
	else
		fprintf(out,
			"noise: of sampling, and %g%% between runs, a guess; several files a side "
			"measure it (a1 a2 -- b1 b2)\n",
			100 * DIFF_RUN_NOISE);
}

static void add_row(struct table *table, const struct diff_view *view,
		    const struct diff_delta *delta)
{
	char before[AMOUNT_TEXT], after[AMOUNT_TEXT], change[AMOUNT_TEXT], difference[AMOUNT_TEXT],
		noise[AMOUNT_TEXT];
	struct amount_scale scale = scale_of(view);
	value_text(before, scale, delta->before);
	value_text(after, scale, delta->after);
	delta_text(difference, scale, delta->delta);
	value_text(noise, scale, delta->noise);
	change_text(change, delta);
	const struct diff_function *function = &view->functions->at[delta->function];
	const char *cells[] = {before, after,	       difference,     noise,
			       change, verdict(delta), function->name, function->module};
	table_add(table, cells);
	if (delta->is_sure)
		table_highlight(table);
}

void diff_print_head(FILE *out, const struct diff_view *view)
{
	print_side(out, view, 0);
	print_side(out, view, 1);
	print_whole(out, view);
	print_missed(out, view);
	print_notes(out, view);
}

void diff_print(FILE *out, const struct diff_view *view)
{
	static const struct table_column columns[] = {
		{"BEFORE", TABLE_RIGHT},      {"AFTER", TABLE_RIGHT},
		{"DELTA", TABLE_RIGHT},	      {"NOISE", TABLE_RIGHT},
		{"CHANGE", TABLE_RIGHT},      {"SURE", 0},
		{"FUNCTION", TABLE_FLEXIBLE}, {"MODULE", 0}};
	diff_print_head(out, view);
	struct table *table = table_new(columns, sizeof(columns) / sizeof(*columns));
	for (uint32_t i = 0; i < view->result->n; i++)
		add_row(table, view, &view->result->deltas[i]);
	table_print(table, out, view->width, view->colour);
	table_free(table);
	if (view->result->n_hidden)
		fprintf(out, "(%u more below %g%% of the whole; --min 0 shows them)\n",
			view->result->n_hidden, view->min_percent);
}

/* Members of an open object. Values are in the column's unit, per what "by" says. */
static void json_delta(struct jsontext *json, const struct diff_delta *delta)
{
	jsontext_real(json, "before", delta->before);
	jsontext_real(json, "after", delta->after);
	jsontext_real(json, "delta", delta->delta);
	jsontext_real(json, "noise", delta->noise);
	if (delta->before > 0)
		jsontext_real(json, "change_percent", 100 * delta->delta / delta->before);
	else
		jsontext_null(json, "change_percent");
	jsontext_string(json, "sure", delta->is_sure ? verdict(delta) : "no");
}

static void json_functions(struct jsontext *json, const struct diff_view *view)
{
	jsontext_open(json, "functions", '[');
	for (uint32_t i = 0; i < view->result->n; i++) {
		const struct diff_delta *delta = &view->result->deltas[i];
		jsontext_open(json, NULL, '{');
		jsontext_escaped(json, "function", view->functions->at[delta->function].name);
		jsontext_escaped(json, "module", view->functions->at[delta->function].module);
		json_delta(json, delta);
		jsontext_close(json);
	}
	jsontext_close(json);
}

static void json_side(struct jsontext *json, const struct diff_view *view, int s)
{
	const char *const *names = view->names + (s ? view->sides[0].n : 0);
	jsontext_open(json, s ? "after" : "before", '{');
	jsontext_open(json, "files", '[');
	for (uint32_t i = 0; i < view->sides[s].n; i++)
		jsontext_string(json, NULL, names[i]);
	jsontext_close(json);
	jsontext_open(json, "labels", '[');
	for (uint32_t i = 0; i < view->sides[s].n; i++)
		jsontext_escaped(json, NULL,
				 view->sides[s].runs[i].labels ? view->sides[s].runs[i].labels
							       : "");
	jsontext_close(json);
	jsontext_real(json, "duration_seconds", side_seconds(&view->sides[s]));
	double missed = diff_run_missed(view->sides[s].runs, view->sides[s].n);
	if (missed < 0)
		jsontext_null(json, "cpu_missed_percent");
	else
		jsontext_real(json, "cpu_missed_percent", 100 * missed);
	jsontext_close(json);
}

void diff_print_json(FILE *out, const struct diff_view *view)
{
	static const char *const by[] = {[DIFF_BY_RUN] = "run",
					 [DIFF_BY_TIME] = "time",
					 [DIFF_BY_SHARE] = "share",
					 [DIFF_BY_WORK] = "work"};
	struct jsontext json = jsontext_init(out);
	jsontext_open(&json, NULL, '{');
	json_side(&json, view, 0);
	json_side(&json, view, 1);
	jsontext_open(&json, "sample", '{');
	jsontext_string(&json, "type", view->column->type);
	jsontext_string(&json, "unit", view->column->unit);
	jsontext_close(&json);
	jsontext_string(&json, "by", by[view->by]);
	jsontext_string(&json, "of", view->cum ? "cum" : "self");
	jsontext_string(&json, "run_noise", view->result->is_measured ? "measured" : "guessed");
	jsontext_open(&json, "whole", '{');
	json_delta(&json, &view->result->whole);
	jsontext_close(&json);
	json_functions(&json, view);
	jsontext_int(&json, "functions_below_min", view->result->n_hidden);
	jsontext_close(&json);
}

void diff_print_json_page(struct jsontext *json, const struct diff_view *view, double parts)
{
	jsontext_open(json, "diff", '{');
	jsontext_real(json, "parts", parts);
	jsontext_string(json, "per", per_text(view->by));
	jsontext_string(json, "of", view->cum ? "cum" : "self");
	json_functions(json, view);
	jsontext_close(json);
}
