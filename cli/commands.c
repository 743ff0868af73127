/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include "cli/doctor.h"
#include "cli/completion.h"
#include "cli/diff.h"
#include "cli/errors.h"
#include "cli/export.h"
#include "cli/export_merge.h"
#include "cli/flamegraph.h"
#include "cli/list.h"
#include "cli/options.h"
#include "cli/record.h"
#include "cli/report.h"
#include "cli/stat.h"
#include "cli/stacks.h"
#include "cli/status.h"
#include "cli/symbolize.h"
#include "cli/top.h"
#include "common/err.h"
#include "common/nearest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int help_command(const struct command_globals *globals, int argc, char **argv,
			struct err *err);
static int version_command(const struct command_globals *globals, int argc, char **argv,
			   struct err *err);

const struct command commands[] = {
	{"record", "record where processes spend their CPU time", record_command},
	{"report", "where the time went: self and cumulative, a function", report_command},
	{"diff", "what surely differs between profiles", diff_command},
	{"flamegraph", "a page or picture to look around in", flamegraph_command},
	{"export", "a profile in another format", export_command},
	{"merge", "several profiles as one", export_merge_command},
	{"symbolize", "names and lines from debug files, for a profile without them",
	 symbolize_command},
	{"stacks", "one stack a thread now, and what it waits for", stacks_command},
	{"top", "a live table of where processes spend their time now", top_command},
	{"stat", "what processes use each second: CPU, memory, I/O", stat_command},
	{"list", "the processes that you may record", list_command},
	{"status", "what the daemon is doing, and what it costs", status_command},
	{"doctor", "what works on this machine, and what to do about the rest", doctor_command},
	{"completion", "a script that completes words in bash, zsh or fish", completion_command},
	{"help", "this list, or the options of a command", help_command},
	{"version", "the version of this program", version_command},
	{NULL},
};

static const struct option no_options[] = {{NULL}};

const struct command *commands_find(const char *name, struct err *err)
{
	const struct command *found = NULL;
	int n = 0;
	for (const struct command *c = commands; c->name; c++) {
		if (!strcmp(c->name, name))
			return c;
		if (!strncmp(c->name, name, strlen(name))) {
			found = c;
			n++;
		}
	}
	if (n == 1 && *name)
		return found;
	if (n > 1) {
		err_set(err, -EINVAL, ERR_USAGE, "\"%s\" begins more than one command", name);
		err_hint(err, "`probe help` lists them");
		return NULL;
	}
	err_set(err, -EINVAL, ERR_USAGE, "no command \"%s\"", name);
	struct nearest nearest = nearest_init(name);
	for (const struct command *c = commands; c->name; c++)
		nearest_try(&nearest, c->name);
	if (nearest.best)
		err_hint(err, "did you mean `probe %s`?", nearest.best);
	err_hint(err, "`probe help` lists the commands");
	return NULL;
}

static void help(FILE *out)
{
	fputs("usage: probe [--socket PATH] COMMAND [OPTIONS] [DURATION | [--] CMD...]\n\n", out);
	for (const struct command *c = commands; c->name; c++)
		fprintf(out, "  %-12s %s\n", c->name, c->help);
	fputs("\n`probe COMMAND --help` lists the options of a command.\n", out);
}

static int help_command(const struct command_globals *globals, int argc, char **argv,
			struct err *err)
{
	struct options options = options_init(NULL, no_options, argc, argv);
	int got = options_next(&options, err);
	if (got < 0)
		return got;
	if (got != OPTIONS_WORD) {
		help(stdout);
		return 0;
	}
	if (options.at != argc)
		return err_set(err, -EINVAL, ERR_USAGE, "help takes one command");
	const struct command *command = commands_find(options.value, err);
	if (!command)
		return -EINVAL;
	char *args[] = {(char *)command->name, "--help", NULL};
	return command->run(globals, 2, args, err);
}

static int version_command(const struct command_globals *globals, int argc, char **argv,
			   struct err *err)
{
	struct options options = options_init("usage: probe version", no_options, argc, argv);
	int got = options_next(&options, err);
	if (got < 0)
		return got;
	if (got == OPTIONS_WORD)
		return err_set(err, -EINVAL, ERR_USAGE, "version takes no \"%s\"", options.value);
	if (got == OPTIONS_END)
		puts("probe " VERSION);
	return 0;
}

/* Globals and the command's place in argv; 0 done (help, version), negative errno with words. */
static int find_command(struct command_globals *globals, int argc, char **argv, struct err *err)
{
	static const struct option options_of_probe[] = {
		{"socket", 0, "PATH", "the socket of the daemon"},
		{"version", 'V', NULL, "the version of this program"},
		{NULL},
	};
	struct options options = options_init(NULL, options_of_probe, argc, argv);
	int got;
	while ((got = options_next(&options, err)) > 0) {
		if (got == OPTIONS_WORD)
			return options.at - 1;
		if (got == OPTIONS_HELP) {
			help(stdout);
			return 0;
		}
		if (!strcmp(options.option->name, "version")) {
			puts("probe " VERSION);
			return 0;
		}
		if (!strcmp(options.option->name, "socket"))
			globals->socket = options.value;
	}
	if (got < 0)
		return got;
	help(stderr);
	return err_set(err, -EINVAL, ERR_USAGE, "no command given");
}

/* Results that could not be written (a full disk behind `>`) are a failure too. */
static int finish_stdout(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	struct err err = {0};
	err_set(&err, -EIO, ERR_FAILED, "cannot write to the standard output: %s", strerror(errno));
	return errors_print(&err, false);
}

int commands_main(int argc, char **argv)
{
	struct command_globals globals = {0};
	struct err err = {0};
	int at = find_command(&globals, argc, argv, &err);
	if (at == 0)
		return finish_stdout(0);
	const struct command *command = at > 0 ? commands_find(argv[at], &err) : NULL;
	if (!command)
		return errors_print(&err, errors_want_json(argc, argv));
	int status = command->run(&globals, argc - at, argv + at, &err);
	if (status >= 0)
		return finish_stdout(status);
	fflush(stdout);
	if (!err_is_set(&err))
		err_set(&err, status, ERR_FAILED, "%s: %s", command->name, strerror(-status));
	return errors_print(&err, errors_want_json(argc, argv));
}
