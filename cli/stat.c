/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stat.h"

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output_file.h"
#include "cli/record_signals.h"
#include "cli/stat_print.h"
#include "cli/target.h"
#include "cli/terminal.h"
#include "common/clock.h"
#include "common/duration.h"
#include "common/err.h"
#include "common/escape.h"
#include "common/guard.h"
#include "common/memory.h"
#include "common/path.h"
#include "common/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum {
	OPTION_JSON = OPTIONS_LONG,
	OPTION_NO_CHILDREN,
	OPTION_FORCE,
	HEAD_EVERY = 40, /* lines, on a terminal */
};

static const struct option table[] = {
	{"pid", 'p', "PID[,PID]", "these processes, each with its descendants"},
	{"no-children", OPTION_NO_CHILDREN, NULL, "without the descendants"},
	{"duration", 'd', "DURATION", "end after 30 or 30s"},
	{"output", 'o', "FILE|-", "every reading as CSV, with the suffix .json as JSON"},
	{"force", OPTION_FORCE, NULL, "replace FILE"},
	{"json", OPTION_JSON, NULL, "every reading as JSON, at the end"},
	{NULL},
};

struct stat_run {
	struct target target;
	const char *path; /* -o; NULL: none */
	bool json, no_children, force;
	bool shows; /* a table, while it runs */
	uint64_t duration_ns, end_ns;
	int signals;
	struct output_file file;
	struct stat_one *ones; /* n_pids of the target */
	unsigned lines;
};

static void stat_run_deinit(struct stat_run *run)
{
	for (size_t i = 0; run->ones && i < run->target.n_pids; i++)
		resources_deinit(&run->ones[i].resources);
	free(run->ones);
	output_file_deinit(&run->file);
	target_deinit(&run->target);
	guard_close(&run->signals);
}

static int take_duration(struct stat_run *run, const char *text, bool unit_needed, struct err *err)
{
	if (run->duration_ns)
		return err_set(err, -EINVAL, ERR_USAGE, "two durations: %s is the second", text);
	if (duration_parse(text, unit_needed, &run->duration_ns) == 0)
		return 0;
	err_set(err, -EINVAL, ERR_USAGE, "\"%s\" is no duration", text);
	err_hint(err, "30s, 2m, 1h30m");
	return -EINVAL;
}

static int take_option(struct stat_run *run, int got, const char *value, struct err *err)
{
	switch (got) {
	case 'p':
		return target_add_pids(&run->target, value, err);
	case 'd':
	case OPTIONS_WORD:
		return take_duration(run, value, got == OPTIONS_WORD, err);
	case 'o':
		run->path = value;
		return 0;
	case OPTION_JSON:
		run->json = true;
		return 0;
	case OPTION_NO_CHILDREN:
		run->no_children = true;
		return 0;
	case OPTION_FORCE:
		run->force = true;
		return 0;
	default:
		return 0;
	}
}

/* 0; OPTIONS_HELP; negative errno with words. */
static int parse(struct stat_run *run, int argc, char **argv, struct err *err)
{
	struct options options = options_init(
		"usage: probe stat -p PID[,PID] [OPTIONS] [DURATION]\n"
		"What processes use each second, until they end: CPU, memory, threads, switches,\n"
		"faults, I/O, open files.",
		table, argc, argv);
	int got;
	while ((got = options_next(&options, err)) > 0) {
		if (got == OPTIONS_HELP)
			return got;
		int code = take_option(run, got, options.value, err);
		if (code < 0)
			return code;
	}
	if (got == 0 && !run->target.n_pids) {
		err_set(err, -EINVAL, ERR_USAGE, "nothing to look at");
		err_hint(err, "-p PID");
		return -EINVAL;
	}
	return got;
}

/* What cannot be written is found before the first second. */
static int open_output(struct stat_run *run, struct err *err)
{
	bool to_stdout = run->path && !strcmp(run->path, "-");
	run->shows = !run->json && !to_stdout && (!run->path || isatty(STDOUT_FILENO));
	if (!run->path || to_stdout)
		return 0;
	int code = output_file_look(run->path, run->force);
	if (code >= 0)
		code = output_file_open(&run->file, run->path, run->force);
	return code < 0 ? output_file_failed(run->path, code, err) : 0;
}

/* That of its last image, while there is one. */
static void name_of(struct stat_one *one)
{
	struct procfs_stat stat;
	if (!procfs_status(one->pid, &stat))
		escape_text(one->name, sizeof(one->name), stat.comm, strlen(stat.comm));
}

static void begin(struct stat_run *run)
{
	run->ones = memory_new(run->target.n_pids, sizeof(*run->ones));
	for (size_t i = 0; i < run->target.n_pids; i++) {
		run->ones[i].pid = run->target.pids[i];
		name_of(&run->ones[i]);
		resources_begin(&run->ones[i].resources, &run->target.pids[i], 1,
				!run->no_children);
	}
	if (run->duration_ns)
		run->end_ns = clock_now_ns() + run->duration_ns;
}

/* ms; -1: all have ended. */
static int due_ms(const struct stat_run *run)
{
	int due = -1;
	for (size_t i = 0; i < run->target.n_pids; i++) {
		int ms = resources_due_ms(&run->ones[i].resources);
		if (ms >= 0 && (due < 0 || ms < due))
			due = ms;
	}
	uint64_t now = clock_now_ns();
	if (due < 0 || !run->end_ns)
		return due;
	uint64_t left_ms = run->end_ns > now ? (run->end_ns - now + 999999) / 1000000 : 0;
	return left_ms < (uint64_t)due ? (int)left_ms : due;
}

static void show(struct stat_run *run, const struct stat_one *one)
{
	if (!run->shows)
		return;
	size_t width = terminal_width();
	if (run->lines % HEAD_EVERY == 0 && (width || !run->lines))
		stat_print_head(stdout, width);
	run->lines++;
	stat_print_line(stdout, one, width);
	fflush(stdout);
}

static int watch(struct stat_run *run, struct err *err)
{
	for (;;) {
		int wait_ms = due_ms(run);
		if (wait_ms < 0 || (run->end_ns && clock_now_ns() >= run->end_ns))
			return 0;
		struct pollfd poller = {.fd = run->signals, .events = POLLIN};
		int n = poll(&poller, 1, wait_ms);
		if (n < 0 && errno != EINTR)
			return err_set(err, -errno, ERR_FAILED, "poll: %s", strerror(errno));
		if (n > 0 || ferror(stdout)) /* nobody reads any more */
			return 0;
		for (size_t i = 0; i < run->target.n_pids; i++) {
			if (!resources_tick(&run->ones[i].resources))
				continue;
			name_of(&run->ones[i]);
			show(run, &run->ones[i]);
		}
	}
}

static int save(struct stat_run *run, struct err *err)
{
	size_t n = run->target.n_pids;
	FILE *out guard_file = fdopen(fcntl(run->file.fd, F_DUPFD_CLOEXEC, 3), "w");
	if (!out)
		return output_file_failed(run->path, -errno, err);
	if (path_has_suffix(run->path, ".json"))
		stat_print_json(out, run->ones, n);
	else
		stat_print_csv(out, run->ones, n);
	int code = fflush(out) || ferror(out) ? -errno : 0;
	if (code == 0)
		code = output_file_place(&run->file, run->path, run->force);
	return code < 0 ? output_file_failed(run->path, code, err) : 0;
}

static int finish(struct stat_run *run, struct err *err)
{
	size_t n = run->target.n_pids;
	bool any = false, ended = true;
	for (size_t i = 0; i < n; i++) {
		uint32_t before = run->ones[i].resources.n;
		resources_end(&run->ones[i].resources);
		any = any || run->ones[i].resources.n;
		ended = ended && run->ones[i].resources.ended;
		if (run->ones[i].resources.n != before)
			show(run, &run->ones[i]);
	}
	if (!any && !ended)
		return err_set(err, -EINVAL, ERR_FAILED,
			       "too short for a reading: 200 ms are the least");
	if (!any)
		return err_set(err, -ESRCH, ERR_NO_PROCESS, "ended before anything could be read");
	if (run->shows)
		stat_print_summary(stdout, run->ones, n, terminal_width());
	else if (run->json)
		stat_print_json(stdout, run->ones, n);
	else if (run->file.fd < 0)
		stat_print_csv(stdout, run->ones, n);
	return run->file.fd >= 0 ? save(run, err) : 0;
}

int stat_command(const struct command_globals *globals, int argc, char **argv, struct err *err)
{
	struct stat_run run guard(stat_run_deinit) = {.signals = -1, .file.fd = -1};
	int code = parse(&run, argc, argv, err);
	if (code)
		return code == OPTIONS_HELP ? 0 : code;
	code = target_open(&run.target, err);
	if (code >= 0)
		code = open_output(&run, err);
	if (code >= 0)
		code = run.signals = record_signals_open(NULL, err);
	if (code < 0)
		return code;
	begin(&run);
	code = watch(&run, err);
	return code < 0 ? code : finish(&run, err);
}
