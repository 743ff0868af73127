/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/diff.h"

#include "cli/commands.h"
#include "cli/diff_compare.h"
#include "cli/diff_page.h"
#include "cli/diff_print.h"
#include "cli/diff_run.h"
#include "cli/errors.h"
#include "cli/export_file.h"
#include "cli/input.h"
#include "cli/newest.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "common/err.h"
#include "common/guard.h"
#include "common/memory.h"
#include "common/path.h"
#include "common/profile.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_MIN_PERCENT 0.5

enum {
	SAMPLE = OPTIONS_LONG,
	BY,
	WORK,
	CUM,
	MIN,
	FAIL_OVER,
	JSON,
	HTML,
	FORCE,
	COLOUR,
	NO_PAGER,
};

static const struct option table[] = {
	{"work", WORK, "N,N",
	 "units of work done (requests …): a side's files each, or one a file"},
	{"by", BY, "run|time|share", "for each run, per second, or as shares of the whole"},
	{"sample", SAMPLE, "TYPE", "cpu, blocked, runnable, wall, or a type of the files' own"},
	{"cum", CUM, NULL, "what functions and those they call took, not they themselves"},
	{"min", MIN, "PERCENT", "leave out what is smaller (0.5)"},
	{"fail-over", FAIL_OVER, "PERCENT",
	 "exit status 1 if the whole, or a function by that much of it, surely grew more"},
	{"json", JSON, NULL, "for programs"},
	{"html", HTML, NULL, "a flame graph of both, red where it grew, blue where it shrank"},
	{"output", 'o', "FILE|-", "where to; .html and .json say what"},
	{"force", FORCE, NULL, "replace an existing file"},
	{"color", COLOUR, "auto|always|never", "colours (auto: on a terminal, without NO_COLOR)"},
	{"no-pager", NO_PAGER, NULL, "do not page on a terminal"},
	{NULL},
};

struct request {
	const char **files;
	int n, n_before; /* n_before 0: no `--` yet */
	struct diff_wish wish;
	enum diff_by by;
	const char *work;	       /* as given */
	double *works;		       /* of each file */
	double min_percent, fail_over; /* fail_over negative: not given */
	const char *output;	       /* -o; NULL: standard output */
	bool json, html, force, no_pager;
	enum terminal_colour colour;
};

static int take_percent(double *percent, const struct options *options, struct err *err)
{
	char *end;
	double value = strtod(options->value, &end);
	if (*end == '%')
		end++;
	if (end == options->value || *end || !(value >= 0) || !isfinite(value))
		return options_refuse(options, err);
	*percent = value;
	return 0;
}

static int take_option(struct request *request, const struct options *options, int got,
		       struct err *err)
{
	switch (got) {
	case SAMPLE:
		request->wish.sample = options->value;
		return 0;
	case BY:
		request->by = !strcmp(options->value, "run")	 ? DIFF_BY_RUN
			      : !strcmp(options->value, "time")	 ? DIFF_BY_TIME
			      : !strcmp(options->value, "share") ? DIFF_BY_SHARE
								 : DIFF_BY_DEFAULT;
		return request->by == DIFF_BY_DEFAULT ? options_refuse(options, err) : 0;
	case WORK:
		request->work = options->value;
		return 0;
	case CUM:
		request->wish.cum = true;
		return 0;
	case MIN:
		return take_percent(&request->min_percent, options, err);
	case FAIL_OVER:
		return take_percent(&request->fail_over, options, err);
	case JSON:
		request->json = true;
		return 0;
	case HTML:
		request->html = true;
		return 0;
	case 'o':
		request->output = options->value;
		return 0;
	case FORCE:
		request->force = true;
		return 0;
	case NO_PAGER:
		request->no_pager = true;
		return 0;
	case COLOUR:
		return terminal_parse_colour(options->value, &request->colour)
			       ? options_refuse(options, err)
			       : 0;
	}
	return 0;
}

/* Numbers of --work, one a file. */
static int take_work(struct request *request, struct err *err)
{
	int n = 0;
	const char *at = request->work;
	request->works = memory_new((size_t)request->n + 2, sizeof(double));
	for (char *end;; at = end + 1) {
		double value = strtod(at, &end);
		if (end == at || (*end && *end != ',') || !(value > 0) || !isfinite(value))
			return err_set(err, -EINVAL, ERR_USAGE, "--work cannot be \"%s\"",
				       request->work);
		if (n < request->n + 2)
			request->works[n] = value;
		n++;
		if (!*end)
			break;
	}
	if (n != 2 && n != request->n)
		return err_set(err, -EINVAL, ERR_USAGE,
			       "--work needs two numbers, or one for each of the %d files",
			       request->n);
	if (n == 2 && request->n > 2) {
		double before = request->works[0], after = request->works[1];
		for (int i = 0; i < request->n; i++)
			request->works[i] = i < request->n_before ? before : after;
	}
	return 0;
}

static int check_files(struct request *request, struct err *err)
{
	if (!request->n_before && request->n == 2)
		request->n_before = 1;
	if (request->n_before && request->n_before < request->n)
		return 0;
	err_set(err, -EINVAL, ERR_USAGE,
		request->n == 1 || request->n_before ? "one side has no file"
						     : "which files are before, which after?");
	err_hint(err, "`probe diff before.pb.gz after.pb.gz`, or with several a side "
		      "`probe diff a1.pb.gz a2.pb.gz -- b1.pb.gz b2.pb.gz`");
	return -EINVAL;
}

/* 0; OPTIONS_HELP; negative errno with words. */
static int parse(struct request *request, int argc, char **argv, struct err *err)
{
	struct options options = options_init(
		"usage: probe diff [OPTIONS] [BEFORE AFTER | BEFORE... -- AFTER...]\n"
		"What surely differs between profiles, function by function; without files "
		"between the\nnewest two of ours here.",
		table, argc, argv);
	int got;
	request->files = memory_new((size_t)argc + 2, sizeof(*request->files));
	while ((got = options_next(&options, err)) > 0) {
		if (got == OPTIONS_HELP)
			return got;
		if (got == OPTIONS_DASHES && request->n && !request->n_before) {
			request->n_before = request->n;
			options.only_words = false; /* here it parts the sides */
		} else if (got == OPTIONS_WORD) {
			request->files[request->n++] = options.value;
		} else if (got != OPTIONS_DASHES) {
			int result = take_option(request, &options, got, err);
			if (result < 0)
				return result;
		}
	}
	return got;
}

static int use_newest(struct request *request, char names[2][NEWEST_NAME], struct err *err)
{
	int result = newest_two(".", names, err);
	if (result < 0)
		return result;
	errors_note("the newest two profiles here: %s, %s", names[0], names[1]);
	request->files[0] = names[0];
	request->files[1] = names[1];
	request->n = 2;
	return 0;
}

static int with_name(struct err *err, const struct err *why, int result, const char *name)
{
	err_set(err, result, why->status ? why->status : ERR_FAILED, "%s: %s", name,
		err_is_set(why) ? why->msg : strerror(-result));
	if (why->hint[0])
		err_hint(err, "%s", why->hint);
	return result;
}

struct diff {
	struct diff_functions functions;
	struct diff_column column;
	struct diff_run *runs; /* of all files */
	int n;
	struct diff_page *page; /* NULL: none is wished */
	struct export_file file;
};

static void diff_deinit(struct diff *diff)
{
	for (int i = 0; i < diff->n; i++)
		diff_run_deinit(&diff->runs[i]);
	free(diff->runs);
	diff_run_functions_deinit(&diff->functions);
	diff_run_column_deinit(&diff->column);
	diff_page_free(diff->page);
	export_file_deinit(&diff->file);
}

/* What cannot be written is found before anything is read. */
static int open_output(struct diff *diff, struct request *request, struct err *err)
{
	if (request->output && path_has_suffix(request->output, ".html"))
		request->html = true;
	if (request->output && path_has_suffix(request->output, ".json"))
		request->json = true;
	if (request->html && request->json)
		return err_set(err, -EINVAL, ERR_USAGE, "either JSON or HTML, not both");
	if (request->html)
		diff->page = diff_page_new((size_t)request->n);
	return export_file_open(&diff->file, request->output, request->force, request->html, err);
}

static int read_files(struct diff *diff, const struct request *request, struct err *err)
{
	diff->runs = memory_new((size_t)request->n, sizeof(*diff->runs));
	diff->n = request->n;
	for (int i = 0; i < request->n; i++) {
		struct profile *profile = NULL;
		int result = input_read(request->files[i], NULL, &profile, err);
		if (result < 0)
			return result;
		struct err why = {0};
		result = diff_run_init(&diff->runs[i], profile, &request->wish, &diff->functions,
				       &diff->column, &why);
		if (!result && diff->page)
			result = diff_page_add(diff->page, (size_t)i, profile, diff->column.type,
					       &diff->functions, &why);
		profile_free(profile);
		if (result < 0)
			return with_name(err, &why, result, request->files[i]);
	}
	return 0;
}

/* What each run is divided by. */
static int normalize(struct diff *diff, const struct request *request, enum diff_by *by,
		     struct err *err)
{
	bool timed = true, whole_runs = true;
	for (int i = 0; i < diff->n; i++) {
		timed &= diff->runs[i].duration_ns > 0;
		whole_runs &= diff->runs[i].is_whole_run;
	}
	*by = request->works ? DIFF_BY_WORK : request->by;
	if (*by == DIFF_BY_DEFAULT)
		*by = whole_runs ? DIFF_BY_RUN : timed ? DIFF_BY_TIME : DIFF_BY_SHARE;
	if (*by == DIFF_BY_TIME && !timed) {
		err_set(err, -EINVAL, ERR_USAGE, "not all files say how long they took");
		err_hint(err, "--by share compares shares of the whole");
		return -EINVAL;
	}
	for (int i = 0; i < diff->n; i++) {
		struct diff_run *run = &diff->runs[i];
		run->per = *by == DIFF_BY_WORK	 ? request->works[i]
			   : *by == DIFF_BY_RUN	 ? 1
			   : *by == DIFF_BY_TIME ? (double)run->duration_ns / 1e9
						 : run->values[0];
	}
	return 0;
}

static bool grew_over(const struct diff_delta *delta, double whole, double percent)
{
	return delta->is_sure && delta->delta > whole * percent / 100;
}

/* 1: something surely grew by more than was asked for, which is said. */
static int fail_over(const struct diff_result *result, const struct diff *diff, double percent)
{
	double whole = result->whole.before;
	if (percent < 0)
		return 0;
	if (grew_over(&result->whole, whole, percent)) {
		errors_note("the whole grew by %.1f%%, over %g%%",
			    100 * result->whole.delta / whole, percent);
		return 1;
	}
	for (uint32_t i = 0; i < result->n_sure; i++)
		if (grew_over(&result->deltas[i], whole, percent)) {
			errors_note("%s grew by %.1f%% of the whole, over %g%%",
				    diff->functions.at[result->deltas[i].function].name,
				    100 * result->deltas[i].delta / whole, percent);
			return 1;
		}
	return 0;
}

static int print(struct diff *diff, const struct request *request, struct diff_view *view,
		 struct err *err)
{
	FILE *out = diff->file.out;
	if (diff->page)
		return diff_page_write(out, diff->page, view, err);
	if (request->json) {
		diff_print_json(out, view);
		return 0;
	}
	bool shown = out == stdout;
	view->width = shown ? terminal_width() : 0;
	view->colour = shown && terminal_has_colour(request->colour);
	if (shown && !request->no_pager)
		terminal_page_begin();
	diff_print(out, view);
	terminal_page_end();
	return 0;
}

static struct diff_side side_of(const struct diff *diff, enum diff_by by, int first, int n)
{
	struct diff_side side = {.runs = diff->runs + first, .n = (uint32_t)n};
	double missed = diff_run_missed(side.runs, side.n);
	if (by == DIFF_BY_TIME && !strcmp(diff->column.type, "cpu") && missed >= 0)
		side.had_cpu = 1 - missed;
	return side;
}

static int show(struct diff *diff, const struct request *request, struct err *err)
{
	enum diff_by by;
	int result = normalize(diff, request, &by, err);
	if (result < 0)
		return result;
	struct diff_side sides[] = {
		side_of(diff, by, 0, request->n_before),
		side_of(diff, by, request->n_before, request->n - request->n_before)};
	struct diff_result compared guard(diff_compare_deinit) = {0};
	diff_compare(&compared, &sides[0], &sides[1], &diff->functions, request->min_percent,
		     by == DIFF_BY_SHARE);
	struct diff_view view = {.result = &compared,
				 .functions = &diff->functions,
				 .column = &diff->column,
				 .sides = sides,
				 .names = request->files,
				 .by = by,
				 .cum = request->wish.cum,
				 .min_percent = request->min_percent};
	result = print(diff, request, &view, err);
	if (!result)
		result = export_file_commit(&diff->file, err);
	return result < 0 ? result : fail_over(&compared, diff, request->fail_over);
}

static void request_deinit(struct request *request)
{
	free(request->files);
	free(request->works);
}

int diff_command(const struct command_globals *globals, int argc, char **argv, struct err *err)
{
	struct request request guard(request_deinit) = {.min_percent = DEFAULT_MIN_PERCENT,
							.fail_over = -1};
	struct diff diff guard(diff_deinit) = {0};
	char newest[2][NEWEST_NAME];
	int result = parse(&request, argc, argv, err);
	if (result)
		return result == OPTIONS_HELP ? 0 : result;
	if (!request.n)
		result = use_newest(&request, newest, err);
	if (!result)
		result = check_files(&request, err);
	if (!result && request.work)
		result = take_work(&request, err);
	if (!result)
		result = open_output(&diff, &request, err);
	if (!result)
		result = read_files(&diff, &request, err);
	return result ? result : show(&diff, &request, err);
}
