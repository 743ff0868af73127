/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/top_view.h"

#include "cli/amount.h"
#include "cli/frames.h"
#include "cli/progress.h"
#include "cli/report_head.h"
#include "cli/report_view.h"
#include "cli/screen.h"
#include "cli/terminal.h"
#include "common/err.h"
#include "common/escape.h"
#include "common/guard.h"
#include "common/memory.h"
#include "common/profile.h"

#include <string.h>

#define MIN_PERCENT 0.1

static const char *const kinds[] = {"functions", "modules", "threads", "processes"};

static const char *const help[] = {
	"s      sort by self or by cum",
	"t      threads and back",
	"m      modules and back",
	"g      processes and back",
	"c      the next column (cpu, blocked, runnable, wall)",
	"/      filter: stacks with a function that matches (a regular expression)",
	"p      pause: the table stands still",
	"h, ?   this help and back",
	"q      quit (also Ctrl-C)",
	"",
	"SELF is spent in the function itself, CUM also in what it calls, both since the last",
	"refresh; percentages are of all that was spent.",
};

/* What is shown: the arguments of one view, all of it borrowed from this. */
struct shown {
	struct frames *names, *frames;
	struct selection selection;
	struct selection_wish wish;
	struct report_view view;
};

static void shown_deinit(struct shown *shown)
{
	selection_deinit(&shown->selection);
	frames_free(shown->frames);
	frames_free(shown->names);
}

static enum report_kind kind_of(const struct top_view *view)
{
	return view->kind == TOP_VIEW_THREADS	  ? REPORT_THREADS
	       : view->kind == TOP_VIEW_PROCESSES ? REPORT_PROCESSES
						  : REPORT_FLAT;
}

static int shown_init(struct shown *shown, const struct top_view *view, struct err *err)
{
	unsigned parts =
		view->kind == TOP_VIEW_MODULES ? FRAMES_MODULE : FRAMES_FUNCTION | FRAMES_MODULE;
	shown->wish = (struct selection_wish){
		.sample = *view->column ? view->column : NULL,
		.focus = *view->filter ? view->filter : NULL,
	};
	shown->names = frames_new(view->profile, FRAMES_FUNCTION);
	shown->frames = frames_new(view->profile, parts);
	int code =
		selection_init(&shown->selection, view->profile, shown->names, &shown->wish, err);
	shown->view = (struct report_view){
		.kind = kind_of(view),
		.profile = view->profile,
		.frames = shown->frames,
		.by_module = view->kind == TOP_VIEW_MODULES,
		.selection = &shown->selection,
		.order = view->order,
		.min_percent = MIN_PERCENT,
		.colour = view->colour,
		.fill = true,
	};
	return code;
}

int top_view_print(const struct top_view *view, bool json, struct err *err)
{
	struct shown shown guard(shown_deinit) = {0};
	int code = shown_init(&shown, view, err);
	if (code < 0)
		return code;
	if (json) {
		shown.view.min_percent = 0;
		report_view_json(stdout, &shown.view, "top");
		return 0;
	}
	shown.view.width = terminal_width();
	shown.view.fill = false;
	report_head_print(stdout, view->profile, "top", shown.view.width);
	report_view_print_selection(stdout, &shown.selection, &shown.wish);
	report_view_print(stdout, &shown.view);
	return 0;
}

/* "cpu 1.99s, functions by self, only /regex/, paused" */
static void print_status(FILE *out, const struct top_view *view, const struct selection *selection)
{
	char text[AMOUNT_TEXT], period[PROGRESS_TEXT];
	amount_text(text, amount_scale(selection->unit, selection->total), selection->total);
	fprintf(out, "%s %s, %s by %s, every %s", selection->type, text, kinds[view->kind],
		view->order == TOTALS_BY_CUM ? "cum" : "self",
		progress_duration(period, view->period_ns));
	if (*view->filter) {
		char filter[4 * TOP_VIEW_FILTER];
		escape_text(filter, sizeof(filter), view->filter, strlen(view->filter));
		amount_percent(text, selection->kept, selection->total);
		fprintf(out, ", only /%s/ %s", filter, text);
	}
	if (view->paused || view->state)
		fprintf(out, "  [%s]", view->state ? view->state : "paused");
	fputs("\n\n", out);
}

static void print_body(FILE *out, const struct top_view *view, size_t width)
{
	struct shown shown guard(shown_deinit) = {0};
	struct err err = {0};
	if (!view->profile) {
		char period[PROGRESS_TEXT];
		fprintf(out, "probe top: %s\n",
			view->state ? view->state : "sampling for the first table");
		fprintf(out, "every %s\n", progress_duration(period, view->period_ns));
		return;
	}
	report_head_print(out, view->profile, "probe top", width);
	if (shown_init(&shown, view, &err) < 0) {
		fprintf(out, "%s\n", err.msg);
		return;
	}
	shown.view.width = width;
	print_status(out, view, &shown.selection);
	report_view_print(out, &shown.view);
}

/* Sets the screen's lines from `first` on, as many as fit before `end`; which is next. Lines
 * without colours are cut to the width: those with colours are a table's, and fit. */
static size_t set_lines(struct screen *screen, size_t first, size_t end, const char *text)
{
	while (*text && first < end) {
		size_t bytes = strcspn(text, "\n");
		char *line guard_mem = memory_new(bytes + 1, 1);
		memcpy(line, text, bytes);
		screen_set(screen, first++, line,
			   strchr(line, '\033') ? bytes : terminal_cut(line, screen->width));
		text += bytes + (text[bytes] == '\n');
	}
	return first;
}

static void last_line(const struct top_view *view, char *line, size_t room)
{
	if (view->typing) {
		char typed[4 * TOP_VIEW_FILTER];
		escape_text(typed, sizeof(typed), view->typed, strlen(view->typed));
		snprintf(line, room, "filter: %s_  (Enter takes it, Esc does not)", typed);
	} else if (view->help) {
		snprintf(line, room, "h back  q quit");
	} else {
		snprintf(line, room,
			 "q quit  h help  s sort  t threads  c column  / filter  p pause");
	}
}

void top_view_draw(const struct top_view *view, struct screen *screen)
{
	char *text guard_mem = NULL;
	size_t bytes = 0, body = screen->height > 1 ? screen->height - 1 : 0;
	FILE *out = open_memstream(&text, &bytes);
	if (!out)
		memory_exhausted();
	if (view->help)
		for (size_t i = 0; i < sizeof(help) / sizeof(*help); i++)
			fprintf(out, "%s\n", help[i]);
	else
		print_body(out, view, screen->width);
	fclose(out);
	set_lines(screen, 0, body, text);
	char line[5 * TOP_VIEW_FILTER];
	last_line(view, line, sizeof(line));
	set_lines(screen, body, screen->height, line);
	screen_draw(screen);
}

/* The next one after the present column that can be shown. */
static void next_column(struct top_view *view)
{
	const struct profile *profile = view->profile;
	uint32_t at, found;
	const char *now = *view->column ? view->column : NULL;
	if (!profile || selection_column(profile, now, &at, NULL) < 0)
		return;
	for (uint32_t i = 1; i <= profile->types.n; i++) {
		uint32_t next = (at + i) % profile->types.n;
		const char *name = profile_string(profile, profile->types.at[next].type);
		if (selection_column(profile, name, &found, NULL) == 0 && found == next) {
			snprintf(view->column, sizeof(view->column), "%s", name);
			return;
		}
	}
}

static void toggle(struct top_view *view, enum top_view_kind kind)
{
	view->kind = view->kind == kind ? TOP_VIEW_FUNCTIONS : kind;
}

static void type_key(struct top_view *view, int key)
{
	size_t n = strlen(view->typed);
	if (key == SCREEN_ENTER)
		memcpy(view->filter, view->typed, sizeof(view->filter));
	if (key == SCREEN_ENTER || key == SCREEN_ESCAPE)
		view->typing = false;
	else if (key == SCREEN_BACKSPACE)
		view->typed[n ? n - 1 : 0] = '\0';
	else if (key == 'U' - '@')
		view->typed[0] = '\0';
	else if (key >= ' ' && n + 1 < sizeof(view->typed))
		view->typed[n] = (char)key, view->typed[n + 1] = '\0';
}

bool top_view_key(struct top_view *view, int key)
{
	if (key == SCREEN_KEYS_END)
		return true;
	if (view->typing) {
		type_key(view, key);
		return false;
	}
	switch (key) {
	case 'q':
		return true;
	case 's':
		view->order = view->order == TOTALS_BY_CUM ? TOTALS_BY_SELF : TOTALS_BY_CUM;
		break;
	case 't':
		toggle(view, TOP_VIEW_THREADS);
		break;
	case 'm':
		toggle(view, TOP_VIEW_MODULES);
		break;
	case 'g':
		toggle(view, TOP_VIEW_PROCESSES);
		break;
	case 'c':
		next_column(view);
		break;
	case '/':
		view->typing = true;
		memcpy(view->typed, view->filter, sizeof(view->typed));
		break;
	case 'p':
	case ' ':
		view->paused = !view->paused;
		break;
	case 'h':
	case '?':
		view->help = !view->help;
		break;
	default:
		break;
	}
	return false;
}
