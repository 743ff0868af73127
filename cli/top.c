/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/top.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/record_args.h"
#include "cli/screen.h"
#include "cli/terminal.h"
#include "cli/top_view.h"
#include "cli/turns.h"
#include "common/duration.h"
#include "common/err.h"
#include "common/guard.h"
#include "common/profile.h"

#define DEFAULT_PERIOD "2s"
#define PERIOD_MIN_NS 200000000ull

GUARD_DEFINE(turns, struct turns *, turns_free)

enum {
	OPTION_ONCE = OPTIONS_LONG,
	OPTION_JSON,
	OPTION_SAMPLE,
	OPTION_SORT,
	OPTION_THREADS,
	OPTION_COLOUR,
	RECORD_WORDS = 16,
};

static const struct option table[] = {
	{"pid", 'p', "PID[,PID]", "these processes, their threads and descendants"},
	{"all", 'a', NULL, "the whole machine"},
	{"frequency", 'F', "HZ|max", "samples a second of CPU time (99)"},
	{"delay", 'd', "DURATION", "a new table after so long (2s)"},
	{"once", OPTION_ONCE, NULL, "one table, without the screen"},
	{"json", OPTION_JSON, NULL, "with --once: for programs"},
	{"sample", OPTION_SAMPLE, "TYPE", "cpu, blocked, runnable, wall"},
	{"sort", OPTION_SORT, "self|cum", "the largest first, by this"},
	{"threads", OPTION_THREADS, NULL, "by thread"},
	{"color", OPTION_COLOUR, "auto|always|never",
	 "colours (auto: on a terminal, without NO_COLOR)"},
	{NULL},
};

struct top {
	/* The command line of one turn, as of `probe record`. */
	char *record[RECORD_WORDS];
	int n_record;
	const char *period;
	bool once, json;
	enum terminal_colour colour;
	struct top_view view;
	/* The live view. */
	struct screen screen;
	int signals;
	struct profile *shown, *newest; /* the same, unless it is paused */
};

static void top_deinit(struct top *top)
{
	screen_close(&top->screen);
	if (top->newest != top->shown)
		profile_free(top->newest);
	profile_free(top->shown);
	guard_close(&top->signals);
}

static void add_word(struct top *top, const char *word)
{
	if (top->n_record + 1 < RECORD_WORDS)
		top->record[top->n_record++] = (char *)word;
}

static int take_period(struct top *top, const struct options *options, struct err *err)
{
	int code = duration_parse(options->value, false, &top->view.period_ns);
	if (code < 0)
		return options_refuse(options, err);
	if (top->view.period_ns < PERIOD_MIN_NS)
		return err_set(err, -EINVAL, ERR_USAGE, "-d %s: a table takes at least 200ms",
			       options->value);
	top->period = options->value;
	return 0;
}

static int take_sort(struct top *top, const struct options *options, struct err *err)
{
	bool cum = !strcmp(options->value, "cum");
	top->view.order = cum ? TOTALS_BY_CUM : TOTALS_BY_SELF;
	return cum || !strcmp(options->value, "self") ? 0 : options_refuse(options, err);
}

static int take_word(const char *word, struct err *err)
{
	err_set(err, -EINVAL, ERR_USAGE, "what is %s?", word);
	if (*word && !word[strspn(word, "0123456789,")])
		err_hint(err, "a process is -p %s", word);
	return -EINVAL;
}

static int take_option(struct top *top, const struct options *options, int got, struct err *err)
{
	switch (got) {
	case OPTIONS_WORD:
		return take_word(options->value, err);
	case 'p':
	case 'F':
		add_word(top, got == 'p' ? "-p" : "-F");
		add_word(top, options->value);
		return 0;
	case 'a':
		add_word(top, "-a");
		return 0;
	case 'd':
		return take_period(top, options, err);
	case OPTION_ONCE:
		top->once = true;
		return 0;
	case OPTION_JSON:
		top->json = true;
		return 0;
	case OPTION_SAMPLE:
		snprintf(top->view.column, sizeof(top->view.column), "%s", options->value);
		return 0;
	case OPTION_SORT:
		return take_sort(top, options, err);
	case OPTION_THREADS:
		top->view.kind = TOP_VIEW_THREADS;
		return 0;
	case OPTION_COLOUR:
		return terminal_parse_colour(options->value, &top->colour)
			       ? options_refuse(options, err)
			       : 0;
	default:
		return 0;
	}
}

/* 0; OPTIONS_HELP; negative errno with words. */
static int parse(struct top *top, int argc, char **argv, struct err *err)
{
	struct options options =
		options_init("usage: probe top -p PID[,PID] [OPTIONS]\n"
			     "Where processes spend their time now: a table that is renewed.",
			     table, argc, argv);
	int got;
	while ((got = options_next(&options, err)) > 0) {
		if (got == OPTIONS_HELP)
			return got;
		int code = take_option(top, &options, got, err);
		if (code < 0)
			return code;
	}
	if (top->json && !top->once)
		return err_set(err, -EINVAL, ERR_USAGE, "--json belongs to --once");
	return got;
}

/* The arguments of one turn: what `probe record -o - -d 2s …` would make of ours. */
static int record_args_of(struct top *top, struct record_args *args, struct err *err)
{
	add_word(top, "-o");
	add_word(top, "-");
	add_word(top, "-d");
	add_word(top, top->period);
	if (top->n_record + 1 == RECORD_WORDS)
		return err_set(err, -EINVAL, ERR_USAGE, "too many options");
	int code = record_args_parse(args, top->n_record, top->record, err);
	return code < 0 ? code : target_open(&args->target, err);
}

static int once(struct top *top, struct turns *turns, struct err *err)
{
	int code = TURNS_AGAIN, timeout_ms;
	while (code == TURNS_AGAIN) {
		struct pollfd pollers[TURNS_FDS];
		code = turns_tick(turns, &timeout_ms, err);
		if (code < 0)
			break;
		if (poll(pollers, turns_poll(turns, pollers), timeout_ms) < 0 && errno != EINTR)
			return err_set(err, -errno, ERR_FAILED, "poll: %s", strerror(errno));
		code = turns_take(turns, &top->shown, err);
	}
	if (code < 0)
		return code;
	top->newest = top->shown;
	top->view.profile = top->shown;
	if (code == TURNS_PROFILE)
		return top_view_print(&top->view, top->json, err);
	err_set(err, -ENODATA, ERR_NOTHING_SAMPLED, "nothing was sampled in %s", top->period);
	err_hint(err, "a longer -d, or -F max");
	return -ENODATA;
}

/* Ctrl-C and others end the view; SIGWINCH draws it anew. */
static int open_signals(struct err *err)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH};
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		sigaddset(&set, numbers[i]);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return err_set(err, -errno, ERR_FAILED, "signalfd: %s", strerror(errno));
	sigprocmask(SIG_BLOCK, &set, NULL);
	return fd;
}

/* True: the view ends. */
static bool on_signals(struct top *top)
{
	struct signalfd_siginfo info;
	while (read(top->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGWINCH)
			return true;
		screen_resize(&top->screen);
	}
	return false;
}

static bool on_keys(struct top *top)
{
	int key;
	while ((key = screen_key(&top->screen)) != SCREEN_NO_KEY)
		if (top_view_key(&top->view, key))
			return true;
	return false;
}

/* What is shown follows what is new, unless it is paused. */
static void follow(struct top *top)
{
	if (top->view.paused || top->shown == top->newest)
		return;
	profile_free(top->shown);
	top->view.profile = top->shown = top->newest;
}

static void on_profile(struct top *top, struct profile *profile_take)
{
	if (top->newest != top->shown)
		profile_free(top->newest);
	top->newest = profile_take;
	top->view.state = NULL;
}

static int take_turns(struct top *top, struct turns *turns, struct err *err)
{
	struct profile *profile = NULL;
	int code = turns_take(turns, &profile, err);
	if (code == TURNS_PROFILE)
		on_profile(top, profile);
	else if (code == TURNS_NOTHING)
		top->view.state = "idle: no CPU time was used";
	else if (code == TURNS_ENDED)
		top->view.state = "ended: q quits";
	return code < 0 ? code : 0;
}

/* 1: the view ends. */
static int live_step(struct top *top, struct turns *turns, struct err *err)
{
	enum {
		SIGNALS,
		KEYS,
		OURS
	};
	int timeout_ms, code = turns_tick(turns, &timeout_ms, err);
	if (code < 0)
		return code;
	struct pollfd pollers[OURS + TURNS_FDS] = {
		[SIGNALS] = {.fd = top->signals, .events = POLLIN},
		[KEYS] = {.fd = screen_keys(&top->screen), .events = POLLIN},
	};
	nfds_t n = turns_poll(turns, pollers + OURS);
	if (poll(pollers, OURS + n, timeout_ms) < 0 && errno != EINTR)
		return err_set(err, -errno, ERR_FAILED, "poll: %s", strerror(errno));
	if (on_signals(top) || on_keys(top))
		return 1;
	code = take_turns(top, turns, err);
	follow(top);
	return code;
}

static int live(struct top *top, struct turns *turns, struct err *err)
{
	int code = top->signals = open_signals(err);
	if (code < 0)
		return code;
	code = screen_open(&top->screen, err);
	while (code == 0) {
		top_view_draw(&top->view, &top->screen);
		code = live_step(top, turns, err);
	}
	screen_close(&top->screen); /* before words of why it ended */
	return code < 0 ? code : 0;
}

int top_command(const struct command_globals *globals, int argc, char **argv, struct err *err)
{
	struct top top guard(top_deinit) = {.record = {"record"}, .n_record = 1, .signals = -1};
	struct record_args args guard(record_args_deinit) = {0};
	top.period = DEFAULT_PERIOD;
	duration_parse(DEFAULT_PERIOD, true, &top.view.period_ns);
	int code = parse(&top, argc, argv, err);
	if (code)
		return code == OPTIONS_HELP ? 0 : code;
	code = record_args_of(&top, &args, err);
	if (code < 0)
		return code;
	top.view.colour = terminal_has_colour(top.colour);
	struct turns *turns guard(guard_turns) = turns_new(&args, globals->socket);
	return top.once ? once(&top, turns, err) : live(&top, turns, err);
}
