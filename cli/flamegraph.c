/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/flamegraph.h"

#include "cli/commands.h"
#include "cli/export_file.h"
#include "cli/export_formats.h"
#include "cli/input.h"
#include "cli/options.h"
#include "common/err.h"
#include "common/escape.h"
#include "common/guard.h"
#include "common/path.h"
#include "common/profile.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum {
	SAMPLE = OPTIONS_LONG,
	FOCUS,
	IGNORE,
	FORCE,
	JSON,
};

static const struct option table[] = {
	INPUT_OPTIONS,
	{"output", 'o', "FILE|-", "an .html page or an .svg picture (the profile's name, .html)"},
	{"force", FORCE, NULL, "replace an existing file"},
	{"sample", SAMPLE, "TYPE", "shown first: cpu, blocked, runnable, wall, or another"},
	{"focus", FOCUS, "REGEX", "only stacks with such a function in them"},
	{"ignore", IGNORE, "REGEX", "without stacks with such a function in them"},
	{"json", JSON, NULL, NULL}, /* of errors */
	{NULL},
};

struct arguments {
	struct input input;
	const char *output;
	bool force;
	struct selection_wish wish;
};

/* 0; OPTIONS_HELP; negative errno with words. */
static int parse(struct arguments *arguments, int argc, char **argv, struct err *err)
{
	struct options options = options_init(
		"usage: probe flamegraph [OPTIONS] [FILE|- | -p PID DURATION]\n"
		"A flame graph in one HTML file that needs no network; or a static .svg.",
		table, argc, argv);
	int got;
	while ((got = options_next(&options, err)) > 0) {
		int result = 0;
		if (got == OPTIONS_HELP)
			return got;
		if (got == OPTIONS_WORD)
			result = input_take_word(&arguments->input, options.value, err);
		else if (got == 'o')
			arguments->output = options.value;
		else if (got == FORCE)
			arguments->force = true;
		else if (got == SAMPLE)
			arguments->wish.sample = options.value;
		else if (got == FOCUS)
			arguments->wish.focus = options.value;
		else if (got == IGNORE)
			arguments->wish.ignore = options.value;
		else if (got != OPTIONS_DASHES)
			input_take_option(&arguments->input, got, options.value);
		if (result < 0)
			return result;
	}
	return got;
}

/* "x.pb.gz" → "x.html". */
static void page_name(char *out, size_t room, const char *profile_name)
{
	static const char *const suffixes[] = {".pb.gz", ".pprof", ".pb", ".gz"};
	size_t n = strlen(profile_name);
	if (profile_name[0] == '(') /* standard input */
		n = 0;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++)
		if (path_has_suffix(profile_name, suffixes[i])) {
			n -= strlen(suffixes[i]);
			break;
		}
	snprintf(out, room, "%.*s.html", n ? (int)n : 10, n ? profile_name : "flamegraph");
}

static const struct export_format *choose(const struct arguments *arguments, struct err *err)
{
	if (!arguments->output || !strcmp(arguments->output, "-"))
		return export_formats_find("html", err);
	const struct export_format *format = export_formats_of(arguments->output, err);
	if (!format || !strcmp(format->name, "html") || !strcmp(format->name, "svg"))
		return format;
	err_set(err, -EINVAL, ERR_USAGE, "a flame graph is .html or .svg, not %s",
		arguments->output);
	err_hint(err, "`probe export -o %s` writes that", arguments->output);
	return NULL;
}

/* `file` is open where a name was given. */
static int write_graph(const struct arguments *arguments, const struct export_format *format,
		       struct profile *profile, const char *name, struct export_file *file,
		       struct err *err)
{
	char path[INPUT_NAME + 8];
	page_name(path, sizeof(path), name);
	int result = 0;
	if (!arguments->output)
		result = export_file_open(file, path, arguments->force, false, err);
	if (result < 0)
		return result;
	struct export_request request = {profile, name, arguments->wish, {0}};
	selection_wish_something(&request.wish, profile);
	result = format->write(&request, file->out, err);
	if (!result)
		result = export_file_commit(file, err);
	struct stat stat;
	if (!result && file->path && !lstat(file->path, &stat)) {
		guard_mem char *shown = escape_new(file->path, strlen(file->path));
		fprintf(stderr, "Wrote %s  %lld kB\n", shown,
			(long long)(stat.st_size + 999) / 1000);
	}
	return result;
}

int flamegraph_command(const struct command_globals *globals, int argc, char **argv,
		       struct err *err)
{
	struct arguments arguments = {0};
	int result = parse(&arguments, argc, argv, err);
	if (result)
		return result == OPTIONS_HELP ? 0 : result;
	const struct export_format *format = choose(&arguments, err);
	if (!format)
		return -EINVAL;
	struct export_file file guard(export_file_deinit) = {0};
	if (arguments.output) /* an unusable output is found before a recording */
		result = export_file_open(&file, arguments.output, arguments.force, false, err);
	if (result < 0)
		return result;
	char name[INPUT_NAME];
	struct profile *profile = NULL;
	result = input_open(&arguments.input, globals, name, &profile, err);
	if (result)
		return result;
	result = input_refuse_empty(profile, name, err);
	if (!result)
		result = write_graph(&arguments, format, profile, name, &file, err);
	profile_free(profile);
	return result;
}
