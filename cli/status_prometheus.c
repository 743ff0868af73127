/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status_prometheus.h"

#include <inttypes.h>

static void head(FILE *file, const char *name, const char *type, const char *help)
{
	fprintf(file, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value, in which three characters need a backslash. */
static void label(FILE *file, const char *text)
{
	for (; text && *text; text++)
		if (*text == '\n')
			fputs("\\n", file);
		else if (*text == '"' || *text == '\\')
			fprintf(file, "\\%c", *text);
		else
			fputc(*text, file);
}

static void number(FILE *file, const char *name, const char *type, const char *help, uint64_t value)
{
	head(file, name, type, help);
	fprintf(file, "%s %" PRIu64 "\n", name, value);
}

static void seconds(FILE *file, const char *name, const char *type, const char *help, double value)
{
	head(file, name, type, help);
	fprintf(file, "%s %.6f\n", name, value);
}

static void lost(FILE *file, const Probe__Status *status)
{
	static const char name[] = "probe_lost_total";
	if (!status->n_lost)
		return; /* nothing was recorded yet */
	head(file, name, "counter", "What was lost since the start, by reason.");
	for (size_t i = 0; i < status->n_lost; i++) {
		fprintf(file, "%s{reason=\"", name);
		label(file, status->lost[i]->name);
		fprintf(file, "\"} %" PRIu64 "\n", status->lost[i]->value);
	}
}

void status_prometheus(const Probe__Status *status, FILE *file)
{
	head(file, "probe_build_info", "gauge", "Always 1; the version of the daemon.");
	fputs("probe_build_info{version=\"", file);
	label(file, status->version);
	fputs("\"} 1\n", file);
	seconds(file, "probe_uptime_seconds", "gauge", "Since the daemon began.",
		(double)status->uptime_ns / 1e9);
	number(file, "probe_recordings", "gauge", "Recordings that run now.", status->n_session);
	number(file, "probe_recordings_total", "counter", "Recordings begun.", status->recordings);
	number(file, "probe_clients", "gauge", "Clients connected.", status->clients);
	number(file, "probe_clients_max", "gauge", "Clients served at once at most.",
	       status->clients_max);
	number(file, "probe_samples_total", "counter", "Samples taken of threads on a CPU.",
	       status->samples);
	number(file, "probe_waits_total", "counter", "Intervals off the CPU taken.", status->waits);
	lost(file, status);
	seconds(file, "probe_cpu_seconds_total", "counter",
		"CPU time of the daemon's own processes.", status->own_cpu_seconds);
	seconds(file, "probe_program_seconds_total", "counter",
		"CPU time of the BPF programs on samples and waits, by their own measure.",
		status->program_seconds);
	number(file, "probe_resident_memory_bytes", "gauge", "Memory of the engine.",
	       status->own_rss_bytes);
	number(file, "probe_objects", "gauge", "Mapped files known.", status->objects);
	number(file, "probe_stacks", "gauge", "Stacks held.", status->stacks);
	number(file, "probe_stack_bytes", "gauge", "Memory that they take.", status->stack_bytes);
	number(file, "probe_processes", "gauge", "Processes followed.", status->processes);
}
