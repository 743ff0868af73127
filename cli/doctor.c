/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor.h"

#include "cli/commands.h"
#include "cli/doctor_check.h"
#include "cli/jsontext.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "common/err.h"
#include "common/escape.h"

#include <errno.h>
#include <string.h>

enum {
	JSON = OPTIONS_LONG,
	COLOUR,
};

static const struct option table[] = {
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

int doctor_command(const struct command_globals *globals, int argc, char **argv, struct err *err)
{
	struct options options = options_init(
		"usage: probe doctor [OPTIONS]\nWhat works on this machine, and what to do.", table,
		argc, argv);
	bool json = false;
	enum terminal_colour colour = TERMINAL_AUTO;
	int got;
	while ((got = options_next(&options, err)) > 0) {
		if (got == OPTIONS_HELP)
			return 0;
		if (got == JSON)
			json = true;
		else if (got == COLOUR && terminal_parse_colour(options.value, &colour))
			return err_set(err, -EINVAL, ERR_USAGE, "--color cannot be \"%s\"",
				       options.value);
		else if (got == OPTIONS_WORD)
			return err_set(err, -EINVAL, ERR_USAGE, "doctor takes no \"%s\"",
				       options.value);
	}
	if (got < 0)
		return got;
	return run(globals, json, terminal_has_colour(colour)) ? 0 : ERR_FAILED;
}
