/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/symbolize.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/commands.h"
#include "cli/export_file.h"
#include "cli/input.h"
#include "cli/options.h"
#include "cli/symbolize_files.h"
#include "cli/symbolize_names.h"
#include "cli/symbolize_worker.h"
#include "common/err.h"
#include "common/escape.h"
#include "common/guard.h"
#include "common/path.h"
#include "common/pprof.h"
#include "common/profile.h"
#include "common/worker.h"

GUARD_DEFINE(profile, struct profile *, profile_free)

enum {
	DEBUG_FILE = OPTIONS_LONG,
	DEBUG_DIR,
	DEBUGINFOD,
	FORCE,
	JSON,
};

static const struct option table[] = {
	{"debug-file", DEBUG_FILE, "FILE",
	 "a debug file, for what has its build ID (more than once)"},
	{"debug-dir", DEBUG_DIR, "DIR",
	 "a directory with .build-id/ab/cdef.debug, before /usr/lib/debug"},
	{"debuginfod", DEBUGINFOD, NULL,
	 "ask the servers of $DEBUGINFOD_URLS for what is not here"},
	{"output", 'o', "FILE|-", "where to; in place of the profile"},
	{"force", FORCE, NULL, "-o: replace an existing file"},
	{"json", JSON, NULL, NULL}, /* of errors */
	{NULL},
};

struct arguments {
	const char *file, *output;
	bool force;
	struct symbolize_files files;
};

static int take_option(struct arguments *arguments, int got, const char *value, struct err *err)
{
	struct symbolize_files *files = &arguments->files;
	switch (got) {
	case DEBUG_FILE:
		return symbolize_files_add(files, value, err);
	case DEBUG_DIR:
		if (files->n_directories == SYMBOLIZE_FILES_MAX)
			return err_set(err, -EINVAL, ERR_USAGE, "more than %d directories",
				       SYMBOLIZE_FILES_MAX);
		files->directory[files->n_directories++] = value;
		return 0;
	case DEBUGINFOD:
		files->debuginfod = true;
		return 0;
	case 'o':
		arguments->output = value;
		return 0;
	case FORCE:
		arguments->force = true;
		return 0;
	case OPTIONS_WORD:
		if (arguments->file)
			return err_set(err, -EINVAL, ERR_USAGE, "one profile at a time: %s, %s",
				       arguments->file, value);
		arguments->file = value;
		return 0;
	default:
		return 0;
	}
}

/* 0; OPTIONS_HELP; negative errno with words. */
static int parse(struct arguments *arguments, int argc, char **argv, struct err *err)
{
	struct options options = options_init("usage: probe symbolize [OPTIONS] FILE|-\n"
					      "Names and lines for a profile that was recorded "
					      "without its debug files: found by build "
					      "ID.",
					      table, argc, argv);
	int got, code = 0;
	while (!code && (got = options_next(&options, err)) > 0) {
		if (got == OPTIONS_HELP)
			return got;
		code = take_option(arguments, got, options.value, err);
	}
	if (code || got < 0)
		return code ? code : got;
	if (!arguments->file)
		return err_set(err, -EINVAL, ERR_USAGE, "which profile?");
	struct stat st;
	if (!arguments->output && !strcmp(arguments->file, "-"))
		arguments->output = "-";
	if (!arguments->output && !stat(arguments->file, &st) && !S_ISREG(st.st_mode) &&
	    !S_ISDIR(st.st_mode)) {
		err_set(err, -EINVAL, ERR_USAGE, "%s cannot be written in place", arguments->file);
		err_hint(err, "name a file for the result: -o FILE");
		return -EINVAL;
	}
	const char *urls = getenv("DEBUGINFOD_URLS");
	if (arguments->files.debuginfod && (!urls || !*urls)) {
		err_set(err, -EINVAL, ERR_USAGE, "--debuginfod: DEBUGINFOD_URLS is not set");
		err_hint(err, "for Debian: DEBUGINFOD_URLS=https://debuginfod.debian.net");
		return -EINVAL;
	}
	return 0;
}

/* The file that was mapped, if it is still there: -ENOENT where it is not, or another now. */
static int open_mapped(struct symbolize_worker *worker, const char *path, const char *id)
{
	struct worker_opened opened;
	char found[SYMBOLIZE_FILES_ID];
	int fd guard_fd = *path == '/' ? symbolize_files_open(path) : -ENOENT;
	int code = fd < 0 ? -ENOENT : symbolize_worker_open(worker, fd, &opened, NULL);
	if (code)
		return code == -EPIPE ? code : -ENOENT;
	symbolize_files_id(opened.build_id, opened.n_build_id, found);
	return strcmp(found, id) ? -ENOENT : 0;
}

/* The debug file, of the mapped one or alone, when it knows all but PLT stubs. */
static int add_debug(struct symbolize_worker *worker, bool alone, int fd, const char *id,
		     struct worker_opened *opened, struct err *err)
{
	char found[SYMBOLIZE_FILES_ID];
	int code = alone ? symbolize_worker_open(worker, fd, opened, err)
			 : symbolize_worker_add(worker, WORKER_DEBUG, fd, opened, err);
	if (code)
		return code;
	symbolize_files_id(opened->build_id, opened->n_build_id, found);
	return strcmp(found, id) ? err_set(err, -ESTALE, ERR_FAILED, "it is for another build") : 0;
}

/* What dwz moved out of the debug file, if it is here: without it some names are missing. */
static void add_alt(struct symbolize_worker *worker, const struct symbolize_files *files,
		    const struct worker_opened *opened)
{
	char id[SYMBOLIZE_FILES_ID], path[PATH_MAX];
	struct worker_opened both;
	if (!opened->n_alt_id)
		return;
	symbolize_files_id(opened->alt_id, opened->n_alt_id, id);
	int fd guard_fd = symbolize_files_find_alt(files, id, opened->alt_link, path);
	if (fd >= 0)
		(void)symbolize_worker_add(worker, WORKER_ALT, fd, &both, NULL);
}

/* Asks all that there is about one mapping. `path`: of the debug file, "": none. -ENOENT: neither
 * it nor the mapped file is there. */
static int symbolize(struct profile *profile, uint32_t mapping, const struct symbolize_files *files,
		     char path[PATH_MAX], struct symbolize_names *counts, struct err *err)
{
	struct symbolize_worker *worker guard_symbolize_worker = NULL;
	struct worker_opened opened;
	char id[SYMBOLIZE_FILES_ID];
	snprintf(id, sizeof(id), "%s",
		 profile_string(profile, profile->mappings.at[mapping].build_id));
	*path = 0;
	int debug guard_fd = symbolize_files_find(files, id, path, err);
	if (debug < 0)
		*path = 0;
	if (debug < 0 && debug != -ENOENT)
		return debug;
	int code = symbolize_worker_start(&worker, err);
	if (code)
		return code;
	int mapped = open_mapped(worker,
				 profile_string(profile, profile->mappings.at[mapping].file), id);
	if (mapped && debug < 0)
		return -ENOENT;
	if (debug >= 0) {
		code = add_debug(worker, mapped != 0, debug, id, &opened, err);
		if (code)
			return code;
		add_alt(worker, files, &opened);
	}
	return symbolize_names(profile, mapping, worker, counts, err);
}

struct totals {
	uint32_t files; /* that told something */
	uint32_t locations, named, lines;
};

/* Says what became of each mapping that has a build ID. */
static void symbolize_mapping(struct profile *profile, uint32_t mapping,
			      const struct symbolize_files *files, struct totals *totals)
{
	char path[PATH_MAX], name[256];
	struct symbolize_names counts = {0};
	struct err why = {0};
	const char *file = profile_string(profile, profile->mappings.at[mapping].file);
	const char *id = profile_string(profile, profile->mappings.at[mapping].build_id);
	file = path_base(file);
	escape_text(name, sizeof(name), file, strlen(file));
	if (!symbolize_files_is_id(id))
		return;
	int code = symbolize(profile, mapping, files, path, &counts, &why);
	if (code && (code != -ENOENT || err_is_set(&why)))
		fprintf(stderr, "%-24s %s%s%s\n", name, path, *path ? ": " : "", why.msg);
	else if (!*path && !counts.named && !counts.lines)
		fprintf(stderr, "%-24s no debug file (build ID %.16s…)\n", name, id);
	/* The mapped file alone told all it knew when it was recorded. */
	if (!*path && !counts.named && !counts.lines)
		return;
	fprintf(stderr, "%-24s %u locations: %u named, %u with lines anew%s%s\n", name,
		counts.locations, counts.named, counts.lines, *path ? ", from " : "", path);
	totals->files++;
	totals->locations += counts.locations;
	totals->named += counts.named;
	totals->lines += counts.lines;
}

static int write_profile(const struct arguments *arguments, struct export_file *file,
			 const struct profile *profile, struct err *err)
{
	fflush(file->out);
	int code = pprof_write_gzip(profile, fileno(file->out), err);
	if (!code)
		code = export_file_commit(file, err);
	return code;
}

int symbolize_command(const struct command_globals *globals, int argc, char **argv, struct err *err)
{
	struct arguments arguments = {0};
	struct totals totals = {0};
	char name[INPUT_NAME];
	int result = parse(&arguments, argc, argv, err);
	if (result)
		return result == OPTIONS_HELP ? 0 : result;
	struct profile *profile guard(guard_profile) = NULL;
	result = input_read_whole(arguments.file, name, &profile, err);
	if (result < 0)
		return result;
	const char *output = arguments.output ? arguments.output : arguments.file;
	struct export_file file guard(export_file_deinit) = {0};
	result = export_file_open(&file, output, arguments.force || !arguments.output, true, err);
	if (result < 0)
		return result;
	for (uint32_t i = 1; i < profile->mappings.n; i++)
		symbolize_mapping(profile, i, &arguments.files, &totals);
	if (!totals.files) {
		err_set(err, -ENOENT, ERR_FAILED, "no debug file for anything in %s", name);
		err_hint(
			err,
			"install debug packages, or say where they are: --debug-dir, --debug-file, "
			"--debuginfod");
		return -ENOENT;
	}
	result = write_profile(&arguments, &file, profile, err);
	if (result)
		return result;
	fprintf(stderr, "Wrote %s  %u locations: %u named, %u with lines anew\n",
		strcmp(output, "-") ? output : "to standard output", totals.locations, totals.named,
		totals.lines);
	return 0;
}
