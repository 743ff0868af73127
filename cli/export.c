/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/export.h"

#include "cli/commands.h"
#include "cli/export_file.h"
#include "cli/export_formats.h"
#include "cli/input.h"
#include "cli/options.h"
#include "common/err.h"
#include "common/guard.h"
#include "common/profile.h"

#include <errno.h>
#include <string.h>

enum {
	SAMPLE = OPTIONS_LONG,
	FOCUS,
	IGNORE,
	ANNOTATE,
	THREADS,
	FORCE,
	JSON,
};

static const struct option table[] = {
	INPUT_OPTIONS,
	{"format", 'f', "FORMAT", "pprof, folded, speedscope, perf-script, json, html, svg, text"},
	{"output", 'o', "FILE|-", "where to; standard output"},
	{"force", FORCE, NULL, "replace an existing file"},
	{"sample", SAMPLE, "TYPE", "cpu, blocked, runnable, wall, or a type of the file's own"},
	{"annotate", ANNOTATE, NULL, "folded: _[k] kernel, _[i] inlined, _[j] JIT"},
	{"threads", THREADS, NULL, "folded: a first frame for each thread"},
	{"focus", FOCUS, "REGEX", "only stacks with such a function"},
	{"ignore", IGNORE, "REGEX", "without stacks with such a function"},
	{"json", JSON, NULL, NULL}, /* of errors */
	{NULL},
};

struct arguments {
	struct input input;
	const char *output, *format;
	bool force;
	struct selection_wish wish;
	struct folded_options folded;
};

static void take_option(struct arguments *arguments, int got, const char *value)
{
	switch (got) {
	case 'f':
		arguments->format = value;
		break;
	case 'o':
		arguments->output = value;
		break;
	case FORCE:
		arguments->force = true;
		break;
	case SAMPLE:
		arguments->wish.sample = value;
		break;
	case ANNOTATE:
		arguments->folded.annotate = true;
		break;
	case THREADS:
		arguments->folded.threads = true;
		break;
	case FOCUS:
		arguments->wish.focus = value;
		break;
	case IGNORE:
		arguments->wish.ignore = value;
		break;
	}
}

/* 0; OPTIONS_HELP; negative errno with words. */
static int parse(struct arguments *arguments, int argc, char **argv, struct err *err)
{
	struct options options =
		options_init("usage: probe export [OPTIONS] [FILE|- | -p PID DURATION]\n"
			     "A profile in another format. Reads any pprof file; without FILE the "
			     "newest of ours here.",
			     table, argc, argv);
	int got;
	while ((got = options_next(&options, err)) > 0) {
		if (got == OPTIONS_HELP)
			return got;
		if (got == OPTIONS_WORD) {
			int result = input_take_word(&arguments->input, options.value, err);
			if (result < 0)
				return result;
		} else if (got != OPTIONS_DASHES &&
			   !input_take_option(&arguments->input, got, options.value)) {
			take_option(arguments, got, options.value);
		}
	}
	return got;
}

static const struct export_format *choose(const struct arguments *arguments, struct err *err)
{
	bool named = arguments->output && strcmp(arguments->output, "-");
	if (!arguments->format && !named) {
		err_set(err, -EINVAL, ERR_USAGE, "which format?");
		err_hint(err, "choose one with -f (`probe export --help`), or by the suffix of -o");
		return NULL;
	}
	const struct export_format *format = arguments->format
						     ? export_formats_find(arguments->format, err)
						     : export_formats_of(arguments->output, err);
	bool part = arguments->wish.focus || arguments->wish.ignore;
	if (format && format->whole && part) {
		err_set(err, -EINVAL, ERR_USAGE, "%s has all stacks: no --focus or --ignore",
			format->name);
		return NULL;
	}
	return format;
}

int export_command(const struct command_globals *globals, int argc, char **argv, struct err *err)
{
	struct arguments arguments = {0};
	int result = parse(&arguments, argc, argv, err);
	if (result)
		return result == OPTIONS_HELP ? 0 : result;
	const struct export_format *format = choose(&arguments, err);
	if (!format)
		return -EINVAL;
	struct export_file file guard(export_file_deinit) = {0};
	result = export_file_open(&file, arguments.output, arguments.force, format->binary, err);
	if (result < 0)
		return result;
	char name[INPUT_NAME];
	struct profile *profile = NULL;
	result = input_open(&arguments.input, globals, name, &profile, err);
	if (result)
		return result;
	struct export_request request = {profile, name, arguments.wish, arguments.folded};
	result = format->write(&request, file.out, err);
	profile_free(profile);
	return result < 0 ? result : export_file_commit(&file, err);
}
