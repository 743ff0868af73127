/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/export_merge.h"

#include "cli/commands.h"
#include "cli/export_file.h"
#include "cli/input.h"
#include "cli/options.h"
#include "common/err.h"
#include "common/pprof.h"
#include "common/guard.h"
#include "common/profile.h"

#include <errno.h>
#include <string.h>

enum {
	FORCE = OPTIONS_LONG,
	JSON,
};

static const struct option table[] = {
	{"output", 'o', "FILE|-", "where to; standard output"},
	{"force", FORCE, NULL, "replace an existing file"},
	{"json", JSON, NULL, NULL}, /* of errors */
	{NULL},
};

struct arguments {
	const char *output;
	bool force;
	char **files; /* of argv, in its first places */
	int n;
};

static int parse(struct arguments *arguments, int argc, char **argv, struct err *err)
{
	struct options options = options_init("usage: probe merge [OPTIONS] FILE FILE...\n"
					      "Several profiles as one; any pprof files of equal "
					      "sample types.",
					      table, argc, argv);
	arguments->files = argv + 1;
	int got;
	while ((got = options_next(&options, err)) > 0) {
		if (got == OPTIONS_HELP)
			return got;
		if (got == OPTIONS_WORD)
			arguments->files[arguments->n++] = (char *)options.value;
		else if (got == 'o')
			arguments->output = options.value;
		else if (got == FORCE)
			arguments->force = true;
	}
	if (!got && !arguments->n)
		return err_set(err, -EINVAL, ERR_USAGE, "no files to merge");
	return got;
}

static int add(struct profile *into, const char *path, struct err *err)
{
	char name[INPUT_NAME];
	struct profile *from = NULL;
	int result = input_read_whole(path, name, &from, err);
	if (result < 0)
		return result;
	struct err why = {0};
	result = profile_merge(into, from, &why);
	profile_free(from);
	if (result < 0)
		err_set(err, result, ERR_FAILED, "%s does not fit the files before it: %s", name,
			err_is_set(&why) ? why.msg : strerror(-result));
	return result;
}

int export_merge_command(const struct command_globals *globals, int argc, char **argv,
			 struct err *err)
{
	struct arguments arguments = {0};
	int result = parse(&arguments, argc, argv, err);
	if (result)
		return result == OPTIONS_HELP ? 0 : result;
	struct export_file file guard(export_file_deinit) = {0};
	result = export_file_open(&file, arguments.output, arguments.force, true, err);
	if (result < 0)
		return result;
	struct profile *merged = profile_new();
	for (int i = 0; i < arguments.n && !result; i++)
		result = add(merged, arguments.files[i], err);
	if (!result) {
		fflush(file.out);
		result = pprof_write_gzip(merged, fileno(file.out), err);
	}
	profile_free(merged);
	return result < 0 ? result : export_file_commit(&file, err);
}
