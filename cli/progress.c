/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "common/escape.h"
#include "common/limits.h"
#include "common/path.h"
#include "common/protocol.pb-c.h"

#define SECOND_NS 1000000000ull
/* Less stands out in a report (above 5 %): what has no name is said beside it. */
#define NAMED_ENOUGH 0.95

enum {
	BAR_SIGNS = 20
};

const char *progress_count(char text[PROGRESS_TEXT], uint64_t n)
{
	char digits[24];
	int length = snprintf(digits, sizeof(digits), "%" PRIu64, n), at = 0;
	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			text[at++] = ',';
		text[at++] = digits[i];
	}
	text[at] = '\0';
	return text;
}

const char *progress_size(char text[PROGRESS_TEXT], uint64_t bytes)
{
	static const char *const units[] = {"B", "kB", "MB", "GB"};
	double value = (double)bytes;
	int unit = 0;
	for (; value >= 999.5 && unit < 3; unit++)
		value /= 1000;
	snprintf(text, PROGRESS_TEXT, "%.*f %s", unit && value < 9.95 ? 1 : 0, value, units[unit]);
	return text;
}

const char *progress_duration(char text[PROGRESS_TEXT], uint64_t ns)
{
	if (ns < SECOND_NS) {
		snprintf(text, PROGRESS_TEXT, "%.3gms", (double)ns / 1e6);
		return text;
	}
	if (ns < 10 * SECOND_NS && ns % SECOND_NS) {
		snprintf(text, PROGRESS_TEXT, "%.1fs", (double)ns / 1e9);
		return text;
	}
	uint64_t seconds = ns / SECOND_NS;
	int at = 0;
	if (seconds >= 3600)
		at += snprintf(text + at, PROGRESS_TEXT, "%" PRIu64 "h", seconds / 3600);
	if (seconds / 60 % 60)
		at += snprintf(text + at, PROGRESS_TEXT - (size_t)at, "%" PRIu64 "m",
			       seconds / 60 % 60);
	if (seconds % 60 || !at)
		snprintf(text + at, PROGRESS_TEXT - (size_t)at, "%" PRIu64 "s", seconds % 60);
	return text;
}

void progress_init(struct progress *progress, FILE *out, uint64_t duration_ns, bool command_runs)
{
	const char *term = getenv("TERM");
	bool moves = term && *term && strcmp(term, "dumb") != 0;
	*progress = (struct progress){
		.out = out,
		.bar = !command_runs && moves && isatty(fileno(out)),
		.duration_ns = duration_ns,
	};
}

static void print_escaped(FILE *out, const char *text)
{
	char escaped[512];
	escape_text(escaped, sizeof(escaped), text, strnlen(text, LIMIT_NAME_BYTES));
	fputs(escaped, out);
}

static void print_number(FILE *out, const char *before, uint64_t n, const char *one,
			 const char *many)
{
	char text[PROGRESS_TEXT];
	fprintf(out, "%s%s %s", before, progress_count(text, n), n == 1 ? one : many);
}

/* Without a frequency: each is a sample. */
static void print_rate(FILE *out, const struct progress_started *started)
{
	fputs(started->hz > 0 ? ": " : ": every ", out);
	print_escaped(out, started->event ? started->event : "cpu");
	if (started->hz > 0)
		fprintf(out, " at %.10g Hz", started->hz);
}

void progress_started(struct progress *progress, const struct progress_started *started)
{
	FILE *out = progress->out;
	char text[PROGRESS_TEXT];
	fputs("Profiling ", out);
	print_escaped(out, started->name && *started->name ? started->name : "?");
	if (started->pid)
		fprintf(out, " (%u)", started->pid);
	if (started->processes)
		print_number(out, ", ", started->processes, "process", "processes");
	if (started->threads)
		print_number(out, ", ", started->threads, "thread", "threads");
	if (started->mode == PROBE__RECORD__MODE__OFF)
		fputs(": off-cpu", out);
	else
		print_rate(out, started);
	if (started->mode == PROBE__RECORD__MODE__WALL)
		fputs(" and off-cpu", out);
	if (started->every_ns)
		fprintf(out, ", a file every %s", progress_duration(text, started->every_ns));
	if (started->for_ns)
		fprintf(out, ", for %s", progress_duration(text, started->for_ns));
	if (started->command) {
		fputs(", while ", out);
		print_escaped(out, started->command);
		fputs(" runs", out);
	}
	fprintf(out, ". Ctrl-C stops %sand keeps the data.\n",
		started->for_ns || started->command ? "early " : "");
	fflush(out);
}

static void draw_sampling(struct progress *progress, const Probe__Progress *update)
{
	FILE *out = progress->out;
	char text[PROGRESS_TEXT];
	uint64_t step_ns = progress->duration_ns % SECOND_NS ? SECOND_NS / 10 : SECOND_NS;
	uint64_t elapsed_ns = update->elapsed_ns / step_ns * step_ns;
	if (progress->duration_ns) {
		double share = (double)update->elapsed_ns / (double)progress->duration_ns;
		int signs = share < 1 ? (int)(share * BAR_SIGNS) : BAR_SIGNS;
		fputc('[', out);
		for (int i = 0; i < BAR_SIGNS; i++)
			fputc(i < signs ? '#' : '.', out);
		fputs("] ", out);
	}
	fputs(elapsed_ns ? progress_duration(text, elapsed_ns) : "0s", out);
	if (progress->duration_ns)
		fprintf(out, "/%s", progress_duration(text, progress->duration_ns));
	if (update->samples || !update->has_waits)
		fprintf(out, "  %s samples", progress_count(text, update->samples));
	else
		fprintf(out, "  %s waits", progress_count(text, update->waits));
	fprintf(out, "  %s lost", progress_count(text, update->lost));
	if (update->has_cpu)
		fprintf(out, "  cpu %.0f%%", update->cpu * 100);
}

void progress_update(struct progress *progress, const Probe__Progress *update)
{
	if (!progress->bar)
		return;
	progress_clear(progress);
	if (!update->has_phase || update->phase == PROBE__PROGRESS__PHASE__SAMPLING)
		draw_sampling(progress, update);
	else if (update->phase == PROBE__PROGRESS__PHASE__NAMING)
		fprintf(progress->out, "naming: %u of %u objects", update->done, update->all);
	else
		fputs("writing", progress->out);
	progress->shown = true;
	fflush(progress->out);
}

void progress_clear(struct progress *progress)
{
	if (!progress->shown)
		return;
	fputs("\r\033[K", progress->out);
	fflush(progress->out);
	progress->shown = false;
}

static bool is_command(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (!strcmp(c->name, name))
			return true;
	return false;
}

/* A file in another directory is not found by itself: then its name is needed. */
static void print_next(FILE *out, const char *path)
{
	const char *argument = strchr(path, '/') ? path : "";
	const char *space = *argument ? " " : "";
	fputs("Next:", out);
	static const char *const names[] = {"report", "flamegraph"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (is_command(names[i]))
			fprintf(out, " probe %s%s%s |", names[i], space, argument);
	fprintf(out, " go tool pprof -http=: %s\n", path);
}

bool progress_lacks_names(const Probe__Finished *finished)
{
	return finished->has_named && finished->named < NAMED_ENOUGH;
}

void progress_wrote(struct progress *progress, const Probe__Finished *finished, const char *path,
		    uint64_t bytes, const char *names_hint, bool is_pprof)
{
	FILE *out = progress->out;
	char text[PROGRESS_TEXT];
	bool is_stdout = !strcmp(path, "-");
	if (finished->note && *finished->note) {
		print_escaped(out, finished->note);
		fputc('\n', out);
	}
	fprintf(out, "Wrote %s", is_stdout ? "to standard output" : path);
	print_number(out, "  ", finished->samples, "sample", "samples");
	if (finished->has_waits && !finished->samples)
		print_number(out, ", ", finished->waits, "wait", "waits");
	print_number(out, ", ", finished->stacks, "stack", "stacks");
	if (finished->has_whole)
		fprintf(out, " (%.1f%% whole)", finished->whole * 100);
	fprintf(out, ", %s lost", progress_count(text, finished->lost));
	if (finished->has_named)
		fprintf(out, ", %.1f%% named", finished->named * 100);
	if (progress_lacks_names(finished))
		fprintf(out, ", %.1f%% by address only", (1 - finished->named) * 100);
	if (bytes)
		fprintf(out, ", %s", progress_size(text, bytes));
	fputc('\n', out);
	if (names_hint) {
		print_escaped(out, path_base(finished->nameless));
		fputs(": -> ", out);
		print_escaped(out, names_hint);
		fputc('\n', out);
	}
	if (is_pprof && !is_stdout)
		print_next(out, path);
	fflush(out);
}
