/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/daemon_link.h"
#include "cli/jsontext.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/status_prometheus.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "common/err.h"
#include "common/escape.h"
#include "common/guard.h"
#include "common/limits.h"
#include "common/message.h"
#include "common/protocol.pb-c.h"

GUARD_DEFINE(table, struct table *, table_free)
GUARD_DEFINE(message, Probe__Message *, message_free)

enum {
	OPTION_JSON = OPTIONS_LONG,
	NAME_BYTES = 64,
};

static const struct option table[] = {
	{"format", 'f', "FORMAT", "text, json, prometheus"},
	{"json", OPTION_JSON, NULL, "for programs"},
	{NULL},
};

static const char *escaped(char out[NAME_BYTES], const char *text)
{
	escape_text(out, NAME_BYTES, text ? text : "", strnlen(text ? text : "", LIMIT_NAME_BYTES));
	return out;
}

static void add_session(struct table *sessions, const Probe__Status__Session *session)
{
	char pid[16], name[NAME_BYTES], hz[32], elapsed[PROGRESS_TEXT], of[PROGRESS_TEXT];
	char samples[PROGRESS_TEXT], lost[PROGRESS_TEXT], client[16], uid[16];
	snprintf(pid, sizeof(pid), "%u", session->pid);
	snprintf(hz, sizeof(hz), "%.10g", session->hz);
	snprintf(client, sizeof(client), "%u", session->client_pid);
	snprintf(uid, sizeof(uid), "%u", session->client_uid);
	const char *cells[] = {
		session->pid ? pid : "all",
		escaped(name, session->pid ? session->name : "all processes"),
		hz,
		progress_duration(elapsed, session->elapsed_ns),
		session->duration_ns ? progress_duration(of, session->duration_ns)
				     : "until stopped",
		progress_count(samples, session->samples),
		progress_count(lost, session->lost),
		uid,
		client,
	};
	table_add(sessions, cells);
}

static void print_sessions(const Probe__Status *status)
{
	static const struct table_column columns[] = {
		{"PID", TABLE_RIGHT},	  {"NAME", TABLE_FLEXIBLE}, {"HZ", TABLE_RIGHT},
		{"ELAPSED", TABLE_RIGHT}, {"OF", TABLE_RIGHT},	    {"SAMPLES", TABLE_RIGHT},
		{"LOST", TABLE_RIGHT},	  {"UID", TABLE_RIGHT},	    {"CLIENT", TABLE_RIGHT},
	};
	if (!status->n_session)
		return;
	struct table *sessions guard(guard_table) =
		table_new(columns, sizeof(columns) / sizeof(*columns));
	for (size_t i = 0; i < status->n_session; i++)
		add_session(sessions, status->session[i]);
	table_print(sessions, stdout, terminal_width(), false);
}

static void print_lost(const Probe__Status *status)
{
	bool any = false;
	for (size_t i = 0; i < status->n_lost; i++) {
		char name[NAME_BYTES], count[PROGRESS_TEXT];
		if (!status->lost[i]->value)
			continue;
		printf("%s%s %s",
		       any ? ", " : "lost since the start: ", escaped(name, status->lost[i]->name),
		       progress_count(count, status->lost[i]->value));
		any = true;
	}
	puts(any ? "" : "lost since the start: nothing");
}

static void print(const Probe__Status *status)
{
	char text[NAME_BYTES], uptime[PROGRESS_TEXT], count[PROGRESS_TEXT], size[PROGRESS_TEXT];
	printf("probed %s, up %s: recordings: %zu now, %s since the start; clients: %u of %u\n",
	       escaped(text, status->version), progress_duration(uptime, status->uptime_ns),
	       status->n_session, progress_count(count, status->recordings), status->clients,
	       status->clients_max);
	printf("daemon: %.2f s of CPU, %s of memory", status->own_cpu_seconds,
	       progress_size(size, status->own_rss_bytes));
	printf("; a client can make it hold %s\n", progress_size(size, status->client_bytes_max));
	printf("follows %s processes", progress_count(count, status->processes));
	printf(", knows %s mapped files", progress_count(count, status->objects));
	printf(", holds %s stacks", progress_count(count, status->stacks));
	printf(" (%s)\n", progress_size(size, status->stack_bytes));
	if (status->has_landlock && !status->landlock)
		puts("this kernel has no Landlock: of the engine's two walls before files one is "
		     "missing");
	print_lost(status);
	print_sessions(status);
}

static void print_json_session(struct jsontext *json, const Probe__Status__Session *session)
{
	jsontext_open(json, NULL, '{');
	jsontext_string(json, "name", session->name ? session->name : "");
	jsontext_int(json, "pid", session->pid);
	jsontext_real(json, "frequency_hz", session->hz);
	jsontext_int(json, "elapsed_ns", (int64_t)session->elapsed_ns);
	jsontext_int(json, "duration_ns", (int64_t)session->duration_ns);
	jsontext_int(json, "samples", (int64_t)session->samples);
	jsontext_int(json, "lost", (int64_t)session->lost);
	jsontext_int(json, "processes", session->processes);
	jsontext_int(json, "client_pid", session->client_pid);
	jsontext_int(json, "client_uid", session->client_uid);
	jsontext_close(json);
}

static void print_json(const Probe__Status *status)
{
	struct jsontext json = jsontext_init(stdout);
	jsontext_open(&json, NULL, '{');
	jsontext_string(&json, "version", status->version ? status->version : "");
	jsontext_int(&json, "uptime_ns", (int64_t)status->uptime_ns);
	jsontext_int(&json, "recordings", (int64_t)status->recordings);
	jsontext_int(&json, "clients", status->clients);
	jsontext_int(&json, "clients_max", status->clients_max);
	jsontext_int(&json, "client_bytes_max", (int64_t)status->client_bytes_max);
	jsontext_real(&json, "own_cpu_seconds", status->own_cpu_seconds);
	jsontext_real(&json, "program_seconds", status->program_seconds);
	jsontext_int(&json, "own_rss_bytes", (int64_t)status->own_rss_bytes);
	jsontext_int(&json, "samples", (int64_t)status->samples);
	jsontext_int(&json, "waits", (int64_t)status->waits);
	jsontext_int(&json, "landlock", status->landlock);
	jsontext_int(&json, "processes", (int64_t)status->processes);
	jsontext_int(&json, "objects", (int64_t)status->objects);
	jsontext_int(&json, "stacks", (int64_t)status->stacks);
	jsontext_int(&json, "stack_bytes", (int64_t)status->stack_bytes);
	jsontext_open(&json, "sessions", '[');
	for (size_t i = 0; i < status->n_session; i++)
		print_json_session(&json, status->session[i]);
	jsontext_close(&json);
	jsontext_open(&json, "lost", '{');
	for (size_t i = 0; i < status->n_lost; i++)
		jsontext_int(&json, status->lost[i]->name, (int64_t)status->lost[i]->value);
	jsontext_close(&json);
	jsontext_close(&json);
}

enum format {
	TEXT,
	JSON,
	PROMETHEUS,
};

static int read_format(const char *name, enum format *format, struct err *err)
{
	static const char *const names[] = {
		[TEXT] = "text", [JSON] = "json", [PROMETHEUS] = "prometheus"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(name, names[i])) {
			*format = (enum format)i;
			return 0;
		}
	return err_set(err, -EINVAL, ERR_USAGE, "--format is one of text, json, prometheus");
}

/* 0; OPTIONS_HELP; negative errno with words. */
static int parse(int argc, char **argv, enum format *format, struct err *err)
{
	struct options options =
		options_init("usage: probe status [--json] [--format text|json|prometheus]\n"
			     "What the daemon is doing, its cost, what it lost.",
			     table, argc, argv);
	int got;
	while ((got = options_next(&options, err)) > 0) {
		if (got == OPTIONS_HELP)
			return got;
		if (got == OPTIONS_WORD)
			return err_set(err, -EINVAL, ERR_USAGE, "what is %s?", options.value);
		int code = got == 'f' ? read_format(options.value, format, err) : 0;
		if (code)
			return code;
		if (got == OPTION_JSON)
			*format = JSON;
	}
	return got;
}

static int ask(struct daemon_link *link, Probe__Message **answer, struct err *err)
{
	Probe__Status empty = PROBE__STATUS__INIT;
	Probe__Message message = PROBE__MESSAGE__INIT;
	message.kind_case = PROBE__MESSAGE__KIND_STATUS;
	message.status = &empty;
	message_send(link->wire, &message, NULL, 0); /* a lost daemon is noticed by its silence */
	return daemon_link_receive(link, PROBE__MESSAGE__KIND_STATUS, answer, err);
}

int status_command(const struct command_globals *globals, int argc, char **argv, struct err *err)
{
	enum format format = TEXT;
	int code = parse(argc, argv, &format, err);
	if (code)
		return code == OPTIONS_HELP ? 0 : code;
	struct daemon_link link guard(daemon_link_close) = {0};
	code = daemon_link_connect(&link, globals->socket, err);
	Probe__Message *answer guard(guard_message) = NULL;
	if (code >= 0)
		code = ask(&link, &answer, err);
	if (code < 0)
		return code;
	if (format == JSON)
		print_json(answer->status);
	else if (format == PROMETHEUS)
		status_prometheus(answer->status, stdout);
	else
		print(answer->status);
	return 0;
}
