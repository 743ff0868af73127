/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report_head.h"

#include "cli/amount.h"
#include "cli/jsontext.h"
#include "cli/report_names.h"
#include "cli/report_resources.h"
#include "cli/report_times.h"
#include "cli/selection.h"
#include "cli/terminal.h"
#include "common/escape.h"
#include "common/info.pb-c.h"
#include "common/guard.h"
#include "common/path.h"
#include "common/profile.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

enum {
	PIPE_WIDTH = 100, /* where the file's name ends when there is no terminal */
	NOTES_MAX = 5,
};

/* A line that grows; what does not fit is left out (it is for people). */
struct line {
	char text[1024];
	size_t n;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	size_t room = sizeof(line->text) - line->n;
	int n = vsnprintf(line->text + line->n, room, format, args);
	va_end(args);
	line->n += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

static void add_count(struct line *line, uint64_t count)
{
	char text[AMOUNT_TEXT];
	amount_alone(text, "count", count > INT64_MAX ? INT64_MAX : (int64_t)count);
	add(line, "%s", text);
}

static uint64_t sum(Probe__Counter *const *counters, size_t n)
{
	uint64_t total = 0;
	for (size_t i = 0; i < n; i++)
		if (__builtin_add_overflow(total, counters[i]->value, &total))
			return UINT64_MAX;
	return total;
}

/* -1: there is none. */
static int64_t sum_of_column(const struct profile *profile, const char *type)
{
	int column = profile_find_type(profile, type);
	if (column < 0)
		return -1;
	int64_t total = 0;
	for (uint32_t i = 0; i < profile->rows.n; i++)
		total = selection_add(
			total, profile->values[(size_t)i * profile->types.n + (size_t)column]);
	return total;
}

/* Samples in it; -1: not known. */
static int64_t samples_of(const struct profile *profile)
{
	if (profile->info && profile->info->has_samples)
		return profile->info->samples > INT64_MAX ? INT64_MAX
							  : (int64_t)profile->info->samples;
	return sum_of_column(profile, "samples");
}

char *report_head_name(const struct profile *profile)
{
	const char *name = profile->info ? profile->info->name : NULL;
	if (!name && profile->mappings.n > 1)
		name = profile_string(profile, profile->mappings.at[1].file);
	if (name && !profile->info)
		name = path_base(name);
	if (!name || !*name)
		name = "(no name)";
	return escape_new(name, strlen(name));
}

static double hz_of(const struct profile *profile)
{
	if (profile->info) /* merged of several rates: none */
		return profile->info->has_hz ? profile->info->hz : 0;
	const char *unit = profile_string(profile, profile->period_type.unit);
	return profile->period > 0 && !strcmp(unit, "nanoseconds") ? 1e9 / (double)profile->period
								   : 0;
}

/* Of what became of the waits. */
static bool is_lost_wait(const Probe__Counter *wait)
{
	static const char *const others[] = {"seen", "sent", "skipped", "held"};
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (!strcmp(wait->name, others[i]))
			return false;
	return true;
}

static uint64_t all_lost(const Probe__Info *info)
{
	uint64_t lost = sum(info->lost, info->n_lost);
	for (size_t i = 0; i < info->n_wait; i++)
		if (is_lost_wait(info->wait[i]) &&
		    __builtin_add_overflow(lost, info->wait[i]->value, &lost))
			return UINT64_MAX;
	return lost;
}

/* Those with a stack, as recording counts them; of which some may stand for others. */
static int64_t taken_waits(const struct profile *profile)
{
	const Probe__Info *info = profile->info;
	return info->n_wait_walk_ends ? (int64_t)sum(info->wait_walk_ends, info->n_wait_walk_ends)
				      : sum_of_column(profile, "offcpu_events");
}

static bool is_mode(const Probe__Info *info, const char *mode)
{
	return info && info->mode && !strcmp(info->mode, mode);
}

/* n < 0: it is not known. */
static void add_number(struct line *line, int64_t n, const char *one, const char *many)
{
	if (n < 0)
		return;
	add(line, "  ");
	add_count(line, (uint64_t)n);
	add(line, " %s", n == 1 ? one : many);
}

static void first_line(struct line *line, const struct profile *profile)
{
	guard_mem char *name = report_head_name(profile);
	const Probe__Info *info = profile->info;
	add(line, "%s", name);
	if (info && info->whole_machine)
		add(line, " (whole machine)");
	else if (info && info->has_pid && info->pid)
		add(line, " (%" PRIu32 ")", info->pid);
	if (profile->duration_ns > 0)
		add(line, "  %.1fs", (double)profile->duration_ns / 1e9);
	bool off_only = is_mode(info, "off");
	if (hz_of(profile) > 0 && !off_only)
		add(line, "%s %.6g Hz", profile->duration_ns > 0 ? " at" : "  at", hz_of(profile));
	int64_t samples = samples_of(profile);
	if (samples >= 0 && !off_only)
		add_number(line, samples, "sample", "samples");
	if (off_only || (is_mode(info, "wall") && !samples))
		add_number(line, taken_waits(profile), "wait", "waits");
	add(line, "  ");
	if (info)
		add_count(line, all_lost(info));
	add(line, info ? " lost" : "lost: not known");
}

/* "no row 3, bad page 1": those that are not zero, summed over modules, without `except`. */
static bool add_counters(struct line *line, Probe__Counter *const *counters, size_t n,
			 const char *except)
{
	bool any = false;
	for (size_t i = 0; i < n; i++) {
		const char *name = counters[i]->name;
		bool again = except && !strcmp(name, except);
		uint64_t value = 0;
		for (size_t k = 0; k < n && !again; k++) {
			if (strcmp(counters[k]->name, name) != 0)
				continue;
			again = k < i;
			value += counters[k]->value;
		}
		if (again || !value)
			continue;
		char escaped[200];
		escape_text(escaped, sizeof(escaped), name, strlen(name));
		for (char *c = escaped; *c; c++)
			*c = *c == '_' ? ' ' : *c;
		add(line, "%s%s ", any ? ", " : "", escaped);
		add_count(line, value);
		any = true;
	}
	return any;
}

/* Nothing to say where all stacks are. */
static void print_whole(FILE *out, const char *title, Probe__Counter *const *ends, size_t n)
{
	uint64_t all = sum(ends, n), whole = 0;
	for (size_t i = 0; i < n; i++)
		if (!strcmp(ends[i]->name, "root"))
			whole += ends[i]->value;
	if (whole == all)
		return;
	struct line line = {0};
	add(&line, "%s %.1f%%; others ended by: ", title, 100.0 * (double)whole / (double)all);
	add_counters(&line, ends, n, "root");
	fprintf(out, "%s\n", line.text);
}

static void print_counters(FILE *out, const char *title, Probe__Counter *const *counters, size_t n)
{
	struct line line = {0};
	add(&line, "%s: ", title);
	if (add_counters(&line, counters, n, NULL))
		fprintf(out, "%s\n", line.text);
}

/* Which waits the rows do not tell of, and of which some stand for all. */
static void print_waits(FILE *out, const struct profile *profile)
{
	const Probe__Info *info = profile->info;
	struct line line = {0};
	for (size_t i = 0; i < info->n_wait; i++) {
		if (!is_lost_wait(info->wait[i]) || !info->wait[i]->value)
			continue;
		add(&line, "%s", line.n ? ", " : "waits lost: ");
		add_counters(&line, &info->wait[i], 1, NULL);
	}
	if (line.n)
		fprintf(out, "%s\n", line.text);
	if (info->off_period_ns) {
		char period[AMOUNT_TEXT];
		amount_alone(period, "nanoseconds", (int64_t)info->off_period_ns);
		line = (struct line){0};
		add(&line, "waits of less than %s: by chance, those taken stand for all", period);
		const int64_t all = sum_of_column(profile, "offcpu_events");
		if (all >= 0) {
			add(&line, " ");
			add_count(&line, (uint64_t)all);
		}
		fprintf(out, "%s\n", line.text);
	}
}

static void print_notes(FILE *out, const Probe__Info *info)
{
	for (size_t i = 0; i < info->n_labels; i++) {
		guard_mem char *label = escape_new(info->labels[i], strlen(info->labels[i]));
		fprintf(out, "label: %s\n", label);
	}
	for (size_t i = 0; i < info->n_notes && i < NOTES_MAX; i++) {
		guard_mem char *note = escape_new(info->notes[i], strlen(info->notes[i]));
		fprintf(out, "note: %s\n", note);
	}
	if (info->n_notes > NOTES_MAX)
		fprintf(out, "note: and %zu more (--json has all)\n", info->n_notes - NOTES_MAX);
}

/* Timers that came late, on a busy or a sleeping CPU: whose samples they would have been is not
 * known. The other firings, which hit other processes, are nobody's loss (--json has them). */
static void print_undelivered(FILE *out, const Probe__Info *info)
{
	for (size_t i = 0; i < info->n_firing; i++)
		if (!strcmp(info->firing[i]->name, "not_delivered") &&
		    info->firing[i]->value >= info->firings / 50)
			fprintf(out, "timers late: %.1f%% of the firings\n",
				100 * (double)info->firing[i]->value / (double)info->firings);
}

void report_head_print(FILE *out, const struct profile *profile, const char *file, size_t width)
{
	struct line line = {0};
	first_line(&line, profile);
	guard_mem char *shown = escape_new(file, strlen(file));
	size_t used = terminal_columns_of(line.text) + 2 + terminal_columns_of(shown);
	size_t limit = width ? width : PIPE_WIDTH;
	if (used <= limit)
		fprintf(out, "%s  %*s%s\n", line.text, (int)(limit - used), "", shown);
	else if (width)
		fprintf(out, "%s\n%s\n", line.text, shown);
	else
		fprintf(out, "%s  %s\n", line.text, shown);
	const Probe__Info *info = profile->info;
	if (info)
		report_times_print(out, profile);
	report_names_print(out, profile);
	if (!info)
		return;
	report_resources_print_growth(out, profile);
	print_whole(out, "whole stacks", info->walk_ends, info->n_walk_ends);
	print_whole(out, "whole stacks of waits", info->wait_walk_ends, info->n_wait_walk_ends);
	print_counters(out, "lost", info->lost, info->n_lost);
	print_waits(out, profile);
	print_undelivered(out, info);
	if (info->steal_share >= 0.01)
		fprintf(out, "stolen by the hypervisor: %.1f%% of the machine's time\n",
			100 * info->steal_share);
	print_notes(out, info);
}

static void json_counters(struct jsontext *json, const char *key, Probe__Counter *const *counters,
			  size_t n)
{
	jsontext_open(json, key, '[');
	for (size_t i = 0; i < n; i++) {
		jsontext_open(json, NULL, '{');
		jsontext_string(json, "name", counters[i]->name);
		if (counters[i]->module)
			jsontext_string(json, "module", counters[i]->module);
		jsontext_int(json, "count", (int64_t)counters[i]->value);
		jsontext_close(json);
	}
	jsontext_close(json);
}

static void json_strings(struct jsontext *json, const char *key, char *const *texts, size_t n)
{
	jsontext_open(json, key, '[');
	for (size_t i = 0; i < n; i++)
		jsontext_string(json, NULL, texts[i]);
	jsontext_close(json);
}

static void json_info(struct jsontext *json, const Probe__Info *info)
{
	if (info->has_pid)
		jsontext_int(json, "pid", info->pid);
	if (info->mode)
		jsontext_string(json, "mode", info->mode);
	if (info->reason)
		jsontext_string(json, "ended_by", info->reason);
	if (info->has_firings)
		jsontext_int(json, "firings_count", (int64_t)info->firings);
	jsontext_int(json, "lost_count", (int64_t)all_lost(info));
	json_counters(json, "lost", info->lost, info->n_lost);
	json_counters(json, "other_firings", info->firing, info->n_firing);
	json_counters(json, "walk_ends", info->walk_ends, info->n_walk_ends);
	json_counters(json, "waits", info->wait, info->n_wait);
	json_counters(json, "wait_walk_ends", info->wait_walk_ends, info->n_wait_walk_ends);
	if (info->has_off_period_ns)
		jsontext_int(json, "off_period_ns", (int64_t)info->off_period_ns);
	if (info->has_steal_share)
		jsontext_real(json, "steal_percent", 100 * info->steal_share);
	json_strings(json, "labels", info->labels, info->n_labels);
	json_strings(json, "notes", info->notes, info->n_notes);
}

void report_head_json(struct jsontext *json, const struct profile *profile, const char *file)
{
	guard_mem char *name = report_head_name(profile);
	int64_t samples = samples_of(profile);
	jsontext_open(json, "profile", '{');
	jsontext_string(json, "file", file);
	jsontext_escaped(json, "name", name);
	jsontext_int(json, "time_ns", profile->time_ns);
	jsontext_int(json, "duration_ns", profile->duration_ns);
	if (hz_of(profile) > 0)
		jsontext_real(json, "frequency_hz", hz_of(profile));
	if (samples >= 0)
		jsontext_int(json, "samples_count", samples);
	report_names_json(json, profile);
	if (profile->info) {
		report_times_json(json, profile);
		json_info(json, profile->info);
	} else {
		jsontext_null(json, "lost_count"); /* not known */
	}
	jsontext_close(json);
}

void report_head_json_types(struct jsontext *json, const char *key, const struct profile *profile)
{
	jsontext_open(json, key, '[');
	for (uint32_t i = 0; i < profile->types.n; i++) {
		jsontext_open(json, NULL, '{');
		jsontext_string(json, "type", profile_string(profile, profile->types.at[i].type));
		jsontext_string(json, "unit", profile_string(profile, profile->types.at[i].unit));
		jsontext_close(json);
	}
	jsontext_close(json);
}
