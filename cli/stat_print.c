/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stat_print.h"

#include "cli/jsontext.h"
#include "cli/resources_print.h"
#include "common/guard.h"
#include "common/info.pb-c.h"

#include <string.h>
#include <unistd.h>

GUARD_DEFINE(resources_message, Probe__Resources *, resources_message_free)

static const struct {
	const char *title;
	int width;
	int kind; /* enum usage_kind; negative: time, PID */
} columns[] = {
	{"TIME", 7, -2},
	{"PID", 8, -1},
	{"CPU%", 7, USAGE_CPU},
	{"RSS", 10, USAGE_RSS},
	{"THR", 5, USAGE_THREADS},
	{"FDS", 5, USAGE_FDS},
	{"READ/s", 10, USAGE_READ},
	{"WRITTEN/s", 10, USAGE_WRITTEN},
	{"WAITS/s", 8, USAGE_VOLUNTARY},
	{"PREEMPT/s", 10, USAGE_INVOLUNTARY},
	{"FAULTS/s", 10, USAGE_MINOR_FAULTS},
	{"MAJOR/s", 8, USAGE_MAJOR_FAULTS},
};

enum {
	COLUMNS = sizeof(columns) / sizeof(*columns)
};

/* Whole columns, as many as fit. */
static bool fits(int *used, int column, size_t width)
{
	*used += columns[column].width;
	return !width || (size_t)*used <= width;
}

void stat_print_head(FILE *out, size_t width)
{
	int used = 0;
	for (int i = 0; i < COLUMNS && fits(&used, i, width); i++)
		fprintf(out, "%*s", columns[i].width, columns[i].title);
	fputc('\n', out);
}

static void value_text(char text[RESOURCES_TEXT], const struct resources *resources, int kind)
{
	Probe__Resources__Series series = PROBE__RESOURCES__SERIES__INIT;
	uint32_t last = resources->n - 1;
	uint64_t begin = last ? resources->time_ns[last - 1] : 0;
	double seconds = (double)(resources->time_ns[last] - begin) / 1e9;
	double value = (double)resources->value[kind][last];
	series.unit = (char *)usage_about[kind].unit;
	if (!(resources->known & 1u << kind))
		snprintf(text, RESOURCES_TEXT, "-");
	else
		resources_print_value(text, &series,
				      usage_about[kind].adds_up ? value / seconds : value);
}

void stat_print_line(FILE *out, const struct stat_one *one, size_t width)
{
	const struct resources *resources = &one->resources;
	int used = 0;
	for (int i = 0; i < COLUMNS && fits(&used, i, width); i++) {
		char text[RESOURCES_TEXT];
		if (columns[i].kind == -2)
			snprintf(text, sizeof(text), "%.1fs",
				 (double)resources->time_ns[resources->n - 1] / 1e9);
		else if (columns[i].kind == -1)
			snprintf(text, sizeof(text), "%u", one->pid);
		else
			value_text(text, resources, columns[i].kind);
		fprintf(out, "%*s", columns[i].width, text);
	}
	fputc('\n', out);
}

/* Who has rights over a process alone may read these; the kernel's threads have none of them. */
static void print_unknown(FILE *out, const struct resources *resources)
{
	unsigned kinds = 1u << USAGE_READ | 1u << USAGE_WRITTEN | 1u << USAGE_FDS;
	if (geteuid() && (resources->known & kinds) != kinds)
		fputs("(-: of another user's process; use sudo to read it)\n", out);
}

void stat_print_summary(FILE *out, const struct stat_one *ones, size_t n, size_t width)
{
	for (size_t i = 0; i < n; i++) {
		Probe__Resources *message guard(guard_resources_message) =
			resources_message(&ones[i].resources);
		if (!message)
			continue;
		fprintf(out, "\n%s (%u)  %.1fs\n", ones[i].name, ones[i].pid,
			(double)message->time_ns[message->n_time_ns - 1] / 1e9);
		resources_print_table(out, message, width);
		print_unknown(out, &ones[i].resources);
		resources_print_growth(out, message);
	}
}

void stat_print_csv(FILE *out, const struct stat_one *ones, size_t n)
{
	resources_print_csv_head(out);
	for (size_t i = 0; i < n; i++) {
		Probe__Resources *message guard(guard_resources_message) =
			resources_message(&ones[i].resources);
		if (message)
			resources_print_csv(out, message, ones[i].pid, ones[i].name);
	}
}

void stat_print_json(FILE *out, const struct stat_one *ones, size_t n)
{
	struct jsontext json = jsontext_init(out);
	jsontext_open(&json, NULL, '{');
	jsontext_open(&json, "targets", '[');
	for (size_t i = 0; i < n; i++) {
		Probe__Resources *message guard(guard_resources_message) =
			resources_message(&ones[i].resources);
		jsontext_open(&json, NULL, '{');
		jsontext_int(&json, "pid", ones[i].pid);
		jsontext_escaped(&json, "name", ones[i].name);
		if (message)
			resources_print_json(&json, message);
		jsontext_close(&json);
	}
	jsontext_close(&json);
	jsontext_close(&json);
}
