/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor.h"

#include "cli/commands.h"
#include "cli/doctor_check.h"
#include "cli/doctor_modules.h"
#include "cli/doctor_process.h"
#include "cli/jsontext.h"
#include "cli/options.h"
#include "cli/target.h"
#include "cli/terminal.h"
#include "common/err.h"
#include "common/escape.h"
#include "common/guard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	JSON = OPTIONS_LONG,
	COLOUR,
	SECONDS,
};

static const struct option table[] = {
	{"pid", 'p', "PID", "look at this process: its modules, and how its stacks are walked"},
	{"seconds", SECONDS, "N", "with -p: how long it is recorded for that (1)"},
	{"json", JSON, NULL, "for programs"},
	{"color", COLOUR, "auto|always|never", "colours (auto: on a terminal, without NO_COLOR)"},
	{NULL},
};

static const char *const words[] = {"ok", "note", "broken"};
static const char *const colours[] = {"\033[32m", "\033[33m", "\033[1;31m"};

static void print(const char *name, const struct doctor_check *check, bool colour)
{
	char found[2 * sizeof(check->found)], advice[2 * sizeof(check->advice)];
	escape_text(found, sizeof(found), check->found, strlen(check->found));
	escape_text(advice, sizeof(advice), check->advice, strlen(check->advice));
	printf("%s%-6s%s  %-19s  %s\n", colour ? colours[check->result] : "", words[check->result],
	       colour ? "\033[0m" : "", name, found);
	if (*advice)
		printf("%-6s  %-19s  -> %s\n", "", "", advice);
}

static void print_json(struct jsontext *json, const char *name, const struct doctor_check *check)
{
	jsontext_open(json, NULL, '{');
	jsontext_string(json, "name", name);
	jsontext_string(json, "result", words[check->result]);
	jsontext_string(json, "found", check->found);
	if (*check->advice)
		jsontext_string(json, "advice", check->advice);
	jsontext_close(json);
}

/* Whether recording is possible. */
static bool run(const struct command_globals *globals, bool as_json, bool colour)
{
	struct doctor_check_input input = {.socket = globals->socket};
	struct jsontext json = jsontext_init(stdout);
	bool works = true;
	if (as_json) {
		jsontext_open(&json, NULL, '{');
		jsontext_open(&json, "checks", '[');
	}
	for (const struct doctor_check_entry *entry = doctor_check_table; entry->name; entry++) {
		struct doctor_check check = {0};
		entry->run(&input, &check);
		works = works && check.result != DOCTOR_CHECK_BROKEN;
		if (as_json)
			print_json(&json, entry->name, &check);
		else
			print(entry->name, &check, colour);
	}
	if (as_json) {
		jsontext_close(&json);
		jsontext_string(&json, "recording", works ? "possible" : "not possible");
		jsontext_close(&json);
	} else {
		puts(works ? "Recording works: probe record -p PID 10s"
			   : "Recording does not work here: see what is broken above.");
	}
	return works;
}

/* What the command line said. */
struct wish {
	bool json;
	enum terminal_colour colour;
	const char *pid; /* NULL: the machine */
	double seconds;
};

static int take_seconds(struct wish *wish, const char *value, struct err *err)
{
	char *end;
	wish->seconds = strtod(value, &end);
	if (end == value || *end || !(wish->seconds >= 0.1 && wish->seconds <= 3600))
		return err_set(err, -EINVAL, ERR_USAGE, "--seconds cannot be \"%s\": 0.1 to 3600",
			       value);
	return 0;
}

/* 0; OPTIONS_HELP; negative errno with words. */
static int parse(struct wish *wish, int argc, char **argv, struct err *err)
{
	struct options options =
		options_init("usage: probe doctor [OPTIONS]\nWhat works on this "
			     "machine, or with -p for one process, and what to do.",
			     table, argc, argv);
	int got, code = 0;
	while (!code && (got = options_next(&options, err)) != OPTIONS_END) {
		if (got < 0 || got == OPTIONS_HELP)
			return got;
		if (got == JSON)
			wish->json = true;
		else if (got == 'p')
			wish->pid = options.value;
		else if (got == SECONDS)
			code = take_seconds(wish, options.value, err);
		else if (got == COLOUR && terminal_parse_colour(options.value, &wish->colour))
			code = err_set(err, -EINVAL, ERR_USAGE, "--color cannot be \"%s\"",
				       options.value);
		else if (got == OPTIONS_WORD)
			code = err_set(err, -EINVAL, ERR_USAGE, "doctor takes no \"%s\"",
				       options.value);
	}
	return code;
}

static int look_at_process(const struct command_globals *globals, const struct wish *wish,
			   struct err *err)
{
	struct target target guard(target_deinit) = {0};
	struct doctor_process process guard(doctor_process_deinit) = {.seconds = wish->seconds,
								      .hz = 199};
	int code = target_add_pids(&target, wish->pid, err);
	if (code >= 0 && target.n_pids != 1)
		return err_set(err, -EINVAL, ERR_USAGE,
			       "doctor looks at one process, not at \"%s\"", wish->pid);
	if (code >= 0) {
		process.pid = target.pids[0];
		code = doctor_process_run(&process, globals->socket, err);
	}
	if (code >= 0)
		doctor_modules_print(&process, wish->json);
	return code < 0 ? code : 0;
}

int doctor_command(const struct command_globals *globals, int argc, char **argv, struct err *err)
{
	struct wish wish = {.colour = TERMINAL_AUTO, .seconds = 1};
	int code = parse(&wish, argc, argv, err);
	if (code)
		return code == OPTIONS_HELP ? 0 : code;
	if (wish.pid)
		return look_at_process(globals, &wish, err);
	return run(globals, wish.json, terminal_has_colour(wish.colour)) ? 0 : ERR_FAILED;
}
