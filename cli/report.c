/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report.h"

#include "cli/commands.h"
#include "cli/frames.h"
#include "cli/input.h"
#include "cli/options.h"
#include "cli/report_head.h"
#include "cli/report_tree.h"
#include "cli/report_view.h"
#include "cli/report_wakers.h"
#include "cli/terminal.h"
#include "common/err.h"
#include "common/guard.h"
#include "common/profile.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define DEFAULT_MIN_PERCENT 0.1
#define DEFAULT_MIN_PERCENT_TREE 0.5

enum {
	SAMPLE = OPTIONS_LONG,
	FOCUS,
	IGNORE,
	MIN,
	SORT,
	LINES,
	MODULES,
	PROCESSES,
	THREADS,
	WAKERS,
	RESOURCES,
	TREE,
	CALLERS,
	CALLEES,
	JSON,
	COLOUR,
	NO_PAGER,
};

static const struct option table[] = {
	INPUT_OPTIONS,
	{"sample", SAMPLE, "TYPE", "cpu, blocked, runnable, wall, or a type of the file's own"},
	{"sort", SORT, "self|cum", "the largest first, by this"},
	{"min", MIN, "PERCENT",
	 "leave out what is smaller in self and cum (0.1, trees 0.5, --json 0)"},
	{"focus", FOCUS, "REGEX", "only stacks with such a function in them"},
	{"ignore", IGNORE, "REGEX", "without stacks with such a function in them"},
	{"tree", TREE, NULL, "who calls whom, from the roots"},
	{"callers", CALLERS, "FUNCTION", "a tree from this function to its callers"},
	{"callees", CALLEES, "FUNCTION", "a tree from this function to what it calls"},
	{"lines", LINES, NULL, "by source line"},
	{"modules", MODULES, NULL, "by module"},
	{"processes", PROCESSES, NULL, "by process"},
	{"threads", THREADS, NULL, "by thread"},
	{"wakers", WAKERS, NULL, "who ended the waits (recorded with --wakers)"},
	{"resources", RESOURCES, NULL, "CPU, memory, switches, faults, I/O while it was recorded"},
	{"json", JSON, NULL, "for programs"},
	{"color", COLOUR, "auto|always|never", "colours (auto: on a terminal, without NO_COLOR)"},
	{"no-pager", NO_PAGER, NULL, "do not page on a terminal"},
	{NULL},
};

struct request {
	struct input input;
	struct selection_wish wish;
	enum totals_order order;
	double min_percent; /* negative: not given */
	enum report_kind kind;
	const char *view;	  /* the option that chose it; NULL: none */
	enum report_tree_way way; /* of REPORT_TREE */
	const char *function;
	unsigned parts; /* enum frames_parts */
	bool json, no_pager;
	bool waits; /* shown for want of samples on a CPU */
	enum terminal_colour colour;
};

static int take_view(struct request *request, const struct options *options, enum report_kind kind,
		     struct err *err)
{
	const char *name = options->option->name;
	if (request->view && strcmp(request->view, name) != 0)
		return err_set(err, -EINVAL, ERR_USAGE, "--%s and --%s are two views: choose one",
			       request->view, name);
	request->view = name;
	request->kind = kind;
	return 0;
}

static int take_option(struct request *request, const struct options *options, int got,
		       struct err *err)
{
	const char *value = options->value;
	char *end;
	switch (got) {
	case SAMPLE:
		request->wish.sample = value;
		return 0;
	case FOCUS:
		request->wish.focus = value;
		return 0;
	case IGNORE:
		request->wish.ignore = value;
		return 0;
	case LINES:
		request->parts = FRAMES_FUNCTION | FRAMES_MODULE | FRAMES_LINE;
		return 0;
	case MODULES:
		request->parts = FRAMES_MODULE;
		return 0;
	case PROCESSES:
		return take_view(request, options, REPORT_PROCESSES, err);
	case THREADS:
		return take_view(request, options, REPORT_THREADS, err);
	case WAKERS:
		return take_view(request, options, REPORT_WAKERS, err);
	case RESOURCES:
		return take_view(request, options, REPORT_RESOURCES, err);
	case TREE:
	case CALLERS:
	case CALLEES:
		request->way = got == TREE	? REPORT_TREE_CALLS
			       : got == CALLERS ? REPORT_TREE_CALLERS
						: REPORT_TREE_CALLEES;
		request->function = value;
		return take_view(request, options, REPORT_TREE, err);
	case JSON:
		request->json = true;
		return 0;
	case NO_PAGER:
		request->no_pager = true;
		return 0;
	case COLOUR:
		return terminal_parse_colour(value, &request->colour) ? options_refuse(options, err)
								      : 0;
	case SORT:
		request->order = strcmp(value, "cum") ? TOTALS_BY_SELF : TOTALS_BY_CUM;
		return strcmp(value, "cum") && strcmp(value, "self") ? options_refuse(options, err)
								     : 0;
	case MIN:
		request->min_percent = strtod(value, &end);
		if (*end == '%')
			end++;
		return end == value || *end || !(request->min_percent >= 0) ||
				       !isfinite(request->min_percent)
			       ? options_refuse(options, err)
			       : 0;
	}
	return 0;
}

/* 0; OPTIONS_HELP; negative errno with words. */
static int parse(struct request *request, int argc, char **argv, struct err *err)
{
	struct options options = options_init(
		"usage: probe report [OPTIONS] [FILE|- | -p PID DURATION]\n"
		"Where the time went. Reads any pprof file; without FILE the newest of ours here.",
		table, argc, argv);
	int got;
	while ((got = options_next(&options, err)) > 0) {
		if (got == OPTIONS_HELP)
			return got;
		if (got == OPTIONS_DASHES)
			continue;
		int result = 0;
		if (got == OPTIONS_WORD)
			result = input_take_word(&request->input, options.value, err);
		else if (!input_take_option(&request->input, got, options.value))
			result = take_option(request, &options, got, err);
		if (result < 0)
			return result;
	}
	if (request->min_percent < 0)
		request->min_percent = request->json		      ? 0
				       : request->kind == REPORT_TREE ? DEFAULT_MIN_PERCENT_TREE
								      : DEFAULT_MIN_PERCENT;
	if (request->kind == REPORT_WAKERS && !request->wish.sample)
		request->wish.sample = "blocked";
	return got;
}

static void print_text(const struct request *request, struct report_view *view, const char *file)
{
	view->width = terminal_width();
	view->colour = terminal_has_colour(request->colour);
	if (!request->no_pager)
		terminal_page_begin();
	report_head_print(stdout, view->profile, file, view->width);
	if (request->waits)
		puts("Nothing was sampled on a CPU. Where it waited:");
	report_view_print_selection(stdout, view->selection, &request->wish);
	report_view_print(stdout, view);
	terminal_page_end();
}

static int view_profile(struct request *request, const struct profile *profile, const char *file,
			struct err *err)
{
	if (!request->json && (request->kind == REPORT_FLAT || request->kind == REPORT_TREE))
		request->waits = selection_wish_something(&request->wish, profile);
	struct frames *names guard(guard_frames) = frames_new(profile, FRAMES_FUNCTION);
	struct frames *frames guard(guard_frames) = frames_new(profile, request->parts);
	struct selection selection guard(selection_deinit) = {0};
	int result = selection_init(&selection, profile, names, &request->wish, err);
	if (!result && request->kind == REPORT_WAKERS)
		result = report_wakers_check(profile, err);
	if (result < 0)
		return result;
	struct report_view view = {
		.kind = request->kind,
		.profile = profile,
		.frames = frames,
		.selection = &selection,
		.order = request->order,
		.min_percent = request->min_percent,
		.by_line = request->parts & FRAMES_LINE,
		.by_module = request->parts == FRAMES_MODULE,
	};
	struct tree tree guard(tree_deinit) = {0};
	if (request->kind == REPORT_TREE) {
		result = report_tree_build(&tree, &view, request->way, request->function, err);
		if (result < 0)
			return result;
		view.tree = &tree;
	}
	if (request->json)
		report_view_json(stdout, &view, file);
	else
		print_text(request, &view, file);
	return 0;
}

int report_command(const struct command_globals *globals, int argc, char **argv, struct err *err)
{
	struct request request = {.min_percent = -1, .parts = FRAMES_FUNCTION | FRAMES_MODULE};
	int result = parse(&request, argc, argv, err);
	if (result)
		return result == OPTIONS_HELP ? 0 : result;
	char name[INPUT_NAME];
	struct profile *profile = NULL;
	result = input_open(&request.input, globals, name, &profile, err);
	if (result)
		return result;
	result = input_refuse_empty(profile, name, err);
	if (!result)
		result = view_profile(&request, profile, name, err);
	profile_free(profile);
	return result;
}
