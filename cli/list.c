/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon answers in parts, in any order; the list is shown when it is whole. */
#include "cli/list.h"

#include <errno.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/daemon_link.h"
#include "cli/jsontext.h"
#include "cli/options.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "common/err.h"
#include "common/escape.h"
#include "common/guard.h"
#include "common/limits.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/protocol.pb-c.h"

GUARD_DEFINE(table, struct table *, table_free)

enum {
	OPTION_JSON = OPTIONS_LONG,
	OPTION_KERNEL,
	NAME_BYTES = 64,
	PARTS_MOST = 8192 + 1, /* of 512 processes: as many as there are PIDs */
};

static const struct option table[] = {
	{"kernel", OPTION_KERNEL, NULL, "the kernel's threads, too"},
	{"json", OPTION_JSON, NULL, "for programs"},
	{NULL},
};

struct list {
	bool json, kernel;
	Probe__Message **parts;
	size_t n_parts;
	const Probe__List__Process **processes; /* into the parts */
	size_t n, room;
};

static void list_deinit(struct list *list)
{
	for (size_t i = 0; i < list->n_parts; i++)
		message_free(list->parts[i]);
	free(list->parts);
	free(list->processes);
	*list = (struct list){0};
}

static void add_part(struct list *list, Probe__Message *part_take)
{
	const Probe__List *part = part_take->list;
	list->parts = memory_resize(list->parts, list->n_parts + 1, sizeof(*list->parts));
	list->parts[list->n_parts++] = part_take;
	list->processes = memory_grow(list->processes, &list->room, list->n + part->n_process,
				      sizeof(*list->processes));
	for (size_t i = 0; i < part->n_process; i++)
		if (list->kernel || !part->process[i]->kernel)
			list->processes[list->n++] = part->process[i];
}

static int ask(struct list *list, struct daemon_link *link, struct err *err)
{
	Probe__List empty = PROBE__LIST__INIT;
	Probe__Message message = PROBE__MESSAGE__INIT;
	message.kind_case = PROBE__MESSAGE__KIND_LIST;
	message.list = &empty;
	message_send(link->wire, &message, NULL, 0); /* a lost daemon is noticed by its silence */
	for (bool last = false; !last;) {
		Probe__Message *part;
		if (list->n_parts == PARTS_MOST)
			return err_set(err, -EPROTO, ERR_FAILED, "the daemon's list has no end");
		int code = daemon_link_receive(link, PROBE__MESSAGE__KIND_LIST, &part, err);
		if (code < 0)
			return code;
		last = part->list->last;
		add_part(list, part);
	}
	return 0;
}

static int by_pid(const void *a, const void *b)
{
	uint32_t one = (*(const Probe__List__Process *const *)a)->pid;
	uint32_t two = (*(const Probe__List__Process *const *)b)->pid;
	return (one > two) - (one < two);
}

static const char *user_name(uint32_t uid, char out[NAME_BYTES])
{
	static uint32_t last_uid;
	static char last[NAME_BYTES]; /* most processes have the user of the one before */
	if (!*last || uid != last_uid) {
		const struct passwd *user = getpwuid(uid);
		if (user)
			escape_text(last, sizeof(last), user->pw_name, strlen(user->pw_name));
		else
			snprintf(last, sizeof(last), "%u", uid);
		last_uid = uid;
	}
	return strcpy(out, last);
}

static void print(const struct list *list)
{
	static const struct table_column columns[] = {{"PID", TABLE_RIGHT},
						      {"PARENT", TABLE_RIGHT},
						      {"THREADS", TABLE_RIGHT},
						      {"USER", 0},
						      {"NAME", TABLE_FLEXIBLE}};
	struct table *processes guard(guard_table) =
		table_new(columns, sizeof(columns) / sizeof(*columns));
	for (size_t i = 0; i < list->n; i++) {
		const Probe__List__Process *process = list->processes[i];
		const char *comm = process->comm ? process->comm : "";
		char pid[16], parent[16], threads[16], user[NAME_BYTES], name[NAME_BYTES];
		snprintf(pid, sizeof(pid), "%u", process->pid);
		snprintf(parent, sizeof(parent), "%u", process->parent);
		snprintf(threads, sizeof(threads), "%u", process->threads);
		escape_text(name, sizeof(name), comm, strnlen(comm, LIMIT_NAME_BYTES));
		const char *cells[] = {pid, parent, threads, user_name(process->uid, user), name};
		table_add(processes, cells);
	}
	table_print(processes, stdout, terminal_width(), false);
}

static void print_json(const struct list *list)
{
	struct jsontext json = jsontext_init(stdout);
	jsontext_open(&json, NULL, '{');
	jsontext_open(&json, "processes", '[');
	for (size_t i = 0; i < list->n; i++) {
		const Probe__List__Process *process = list->processes[i];
		jsontext_open(&json, NULL, '{');
		jsontext_int(&json, "pid", process->pid);
		jsontext_int(&json, "parent", process->parent);
		jsontext_int(&json, "threads", process->threads);
		jsontext_int(&json, "uid", process->uid);
		jsontext_int(&json, "kernel", process->kernel);
		jsontext_string(&json, "name", process->comm ? process->comm : "");
		jsontext_close(&json);
	}
	jsontext_close(&json);
	jsontext_close(&json);
}

/* 0; OPTIONS_HELP; negative errno with words. */
static int parse(struct list *list, int argc, char **argv, struct err *err)
{
	struct options options = options_init(
		"usage: probe list [--kernel] [--json]\nThe processes that you may record.", table,
		argc, argv);
	int got;
	while ((got = options_next(&options, err)) > 0) {
		if (got == OPTIONS_HELP)
			return got;
		if (got == OPTIONS_WORD)
			return err_set(err, -EINVAL, ERR_USAGE, "what is %s?", options.value);
		list->json = list->json || got == OPTION_JSON;
		list->kernel = list->kernel || got == OPTION_KERNEL;
	}
	return got;
}

int list_command(const struct command_globals *globals, int argc, char **argv, struct err *err)
{
	struct list list guard(list_deinit) = {0};
	int code = parse(&list, argc, argv, err);
	if (code)
		return code == OPTIONS_HELP ? 0 : code;
	struct daemon_link link guard(daemon_link_close) = {0};
	code = daemon_link_open(&link, globals->socket, err);
	if (code >= 0)
		code = ask(&list, &link, err);
	if (code < 0)
		return code;
	if (list.n)
		qsort(list.processes, list.n, sizeof(*list.processes), by_pid);
	if (list.json)
		print_json(&list);
	else
		print(&list);
	return 0;
}
