/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/resources_print.h"

#include "cli/amount.h"
#include "cli/jsontext.h"
#include "cli/resources_summary.h"
#include "cli/table.h"
#include "cli/usage.h"
#include "common/guard.h"
#include "common/info.pb-c.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

GUARD_DEFINE(table, struct table *, table_free)

static void print_bytes(char out[RESOURCES_TEXT], double bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	int unit = 0;
	for (; bytes >= 1000 && unit < 4; unit++)
		bytes /= 1024;
	snprintf(out, RESOURCES_TEXT, "%.*f %s", unit && bytes < 99.95 ? 1 : 0, bytes, units[unit]);
}

/* 1234.5: "1,234"; small ones keep a decimal. */
static void print_count(char out[RESOURCES_TEXT], double value)
{
	char text[AMOUNT_TEXT];
	if (value < 9.95 && value != (int)value) {
		snprintf(out, RESOURCES_TEXT, "%.1f", value);
		return;
	}
	amount_text(text, (struct amount_scale){1, 0, ""}, llround(fmin(value, 9e18)));
	snprintf(out, RESOURCES_TEXT, "%.*s", RESOURCES_TEXT - 1, text);
}

void resources_print_value(char out[RESOURCES_TEXT], const Probe__Resources__Series *series,
			   double value)
{
	if (!strcmp(series->unit, "nanoseconds"))
		snprintf(out, RESOURCES_TEXT, "%.1f%%", value / 1e7);
	else if (!strcmp(series->unit, "bytes"))
		print_bytes(out, value);
	else
		print_count(out, value);
}

static void add_row(struct table *table, const Probe__Resources__Series *series,
		    const struct resources_summary *summary)
{
	char name[64], min[RESOURCES_TEXT], mean[RESOURCES_TEXT], max[RESOURCES_TEXT],
		total[RESOURCES_TEXT] = "";
	snprintf(name, sizeof(name), "%.40s%s", series->name,
		 series->adds_up && strcmp(series->unit, "nanoseconds") != 0 ? "/s" : "");
	for (char *c = name; *c; c++)
		*c = *c == '_' ? ' ' : *c;
	resources_print_value(min, series, summary->min);
	resources_print_value(mean, series, summary->mean);
	resources_print_value(max, series, summary->max);
	if (series->adds_up && !strcmp(series->unit, "nanoseconds"))
		snprintf(total, sizeof(total), "%.2fs", summary->total / 1e9);
	else if (series->adds_up)
		resources_print_value(total, series, summary->total);
	const char *cells[] = {name, min, mean, max, total};
	table_add(table, cells);
}

/* Names come from files. */
static bool is_plain(const char *name)
{
	return name[strspn(name, "abcdefghijklmnopqrstuvwxyz_")] == '\0';
}

static void print_one_growth(FILE *out, const Probe__Resources *resources,
			     const Probe__Resources__Series *series,
			     const struct resources_summary *summary)
{
	char growth[RESOURCES_TEXT];
	resources_print_value(growth, series, summary->growth);
	fprintf(out, "%s grew by %s in %.1fs, steadily: a leak?\n", series->name, growth,
		(double)resources->time_ns[resources->n_time_ns - 1] / 1e9);
}

void resources_print_growth(FILE *out, const Probe__Resources *resources)
{
	struct resources_summary summary;
	for (size_t i = 0; i < resources->n_series; i++)
		if (is_plain(resources->series[i]->name) &&
		    resources_summary_of(resources, resources->series[i], &summary) &&
		    summary.grows)
			print_one_growth(out, resources, resources->series[i], &summary);
}

void resources_print_table(FILE *out, const Probe__Resources *resources, size_t width)
{
	static const struct table_column columns[] = {{"USED", TABLE_FLEXIBLE},
						      {"MIN", TABLE_RIGHT},
						      {"MEAN", TABLE_RIGHT},
						      {"MAX", TABLE_RIGHT},
						      {"TOTAL", TABLE_RIGHT}};
	struct table *table guard(guard_table) = table_new(columns, 5);
	struct resources_summary summary;
	for (size_t i = 0; i < resources->n_series; i++) {
		const Probe__Resources__Series *series = resources->series[i];
		const char *unknown[] = {series->name, "-", "-", "-", ""};
		if (!is_plain(series->name))
			continue;
		if (resources_summary_of(resources, series, &summary))
			add_row(table, series, &summary);
		else
			table_add(table, unknown);
	}
	table_print(table, out, width, false);
}

static const Probe__Resources__Series *find(const Probe__Resources *resources, const char *name)
{
	for (size_t i = 0; i < resources->n_series; i++)
		if (!strcmp(resources->series[i]->name, name) &&
		    resources->series[i]->n_value == resources->n_time_ns)
			return resources->series[i];
	return NULL;
}

static const char *unit_in_name(const char *unit)
{
	return !strcmp(unit, "nanoseconds") ? "_ns" : !strcmp(unit, "bytes") ? "_bytes" : "";
}

void resources_print_csv_head(FILE *out)
{
	fputs("time_s,interval_s,pid,name,cpu_percent", out);
	for (int kind = 0; kind < USAGE_KINDS; kind++)
		fprintf(out, ",%s%s", usage_about[kind].name, unit_in_name(usage_about[kind].unit));
	fputc('\n', out);
}

/* RFC 4180: in quotes, which are doubled inside. */
static void print_csv_text(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

void resources_print_csv(FILE *out, const Probe__Resources *resources, uint32_t pid,
			 const char *name)
{
	/* Looked up once: a file may have very many, and very many readings. */
	const Probe__Resources__Series *series[USAGE_KINDS];
	for (int kind = 0; kind < USAGE_KINDS; kind++)
		series[kind] = find(resources, usage_about[kind].name);
	const Probe__Resources__Series *cpu = series[USAGE_CPU];
	double last = 0;
	for (size_t i = 0; i < resources->n_time_ns; i++) {
		double end = (double)resources->time_ns[i] / 1e9;
		fprintf(out, "%.3f,%.3f,%" PRIu32 ",", end, end - last, pid);
		print_csv_text(out, name);
		fputc(',', out);
		if (cpu && end > last)
			fprintf(out, "%.2f", (double)cpu->value[i] / 1e7 / (end - last));
		for (int kind = 0; kind < USAGE_KINDS; kind++) {
			fputc(',', out);
			if (series[kind])
				fprintf(out, "%" PRIu64, series[kind]->value[i]);
		}
		fputc('\n', out);
		last = end;
	}
}

/* "rss_bytes"; false: a name that is not one of ours. */
static bool json_key(const Probe__Resources__Series *series, char key[64])
{
	snprintf(key, 64, "%.40s%s", series->name, unit_in_name(series->unit));
	return is_plain(series->name);
}

static void json_summary(struct jsontext *json, const Probe__Resources *resources)
{
	struct resources_summary summary;
	jsontext_open(json, "summary", '{');
	for (size_t i = 0; i < resources->n_series; i++) {
		const Probe__Resources__Series *series = resources->series[i];
		char key[64];
		if (!json_key(series, key))
			continue;
		if (!resources_summary_of(resources, series, &summary)) {
			jsontext_null(json, key); /* not measured */
			continue;
		}
		jsontext_open(json, key, '{');
		jsontext_int(json, "per_second", series->adds_up);
		jsontext_real(json, "min", summary.min);
		jsontext_real(json, "mean", summary.mean);
		jsontext_real(json, "max", summary.max);
		if (series->adds_up)
			jsontext_real(json, "total", summary.total);
		if (!series->adds_up) {
			jsontext_int(json, "grows", summary.grows);
			jsontext_real(json, "growth", summary.growth);
		}
		jsontext_close(json);
	}
	jsontext_close(json);
}

void resources_print_json(struct jsontext *json, const Probe__Resources *resources)
{
	jsontext_open(json, "readings", '{');
	jsontext_open(json, "time_ns", '[');
	for (size_t i = 0; i < resources->n_time_ns; i++)
		jsontext_int(json, NULL, (int64_t)resources->time_ns[i]);
	jsontext_close(json);
	for (size_t i = 0; i < resources->n_series; i++) {
		const Probe__Resources__Series *series = resources->series[i];
		char key[64];
		if (!json_key(series, key))
			continue;
		if (series->n_value != resources->n_time_ns) {
			jsontext_null(json, key); /* not measured */
			continue;
		}
		jsontext_open(json, key, '[');
		for (size_t k = 0; k < series->n_value; k++)
			jsontext_int(json, NULL, (int64_t)series->value[k]);
		jsontext_close(json);
	}
	jsontext_close(json);
	json_summary(json, resources);
}
