/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "common/array.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/escape.h"
#include "common/guard.h"
#include "common/limits.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/procfs.h"
#include "common/protocol.pb-c.h"
#include "common/wire.h"
#include "daemon/asker.h"
#include "daemon/client.h"
#include "daemon/confine.h"
#include "daemon/counters.h"
#include "daemon/engine.h"
#include "daemon/objects.h"
#include "daemon/processes.h"
#include "daemon/sampler.h"
#include "daemon/session.h"

enum {
	LIST_PART = 512
};

static uint64_t own_rss_bytes(void)
{
	unsigned long all, resident;
	FILE *file guard_file = fopen("/proc/self/statm", "re");
	if (!file || fscanf(file, "%lu %lu", &all, &resident) != 2)
		return 0;
	return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static double own_cpu_seconds(void)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void *list_room(void *list, size_t n)
{
	return memory_resize(list, n + 1, sizeof(void *));
}

static void add_session(Probe__Status *status, const struct client *client,
			const struct session *session)
{
	Probe__Status__Session *told = memory_new(1, sizeof(*told));
	probe__status__session__init(told);
	told->name = escape_new(session->name, strnlen(session->name, sizeof(session->name)));
	told->has_pid = told->has_hz = told->has_elapsed_ns = told->has_duration_ns = 1;
	told->has_samples = told->has_lost = told->has_processes = 1;
	told->has_client_pid = told->has_client_uid = 1;
	told->pid = session->first_pid;
	told->hz = session->hz;
	told->elapsed_ns = session->started_ns ? clock_now_ns() - session->started_ns : 0;
	told->duration_ns = session->request->duration_ns;
	told->samples = session->tally.samples;
	told->lost = session_lost(session);
	told->processes = session->members.n_alive;
	client_peer(client, &told->client_pid, &told->client_uid);
	status->session = list_room(status->session, status->n_session);
	status->session[status->n_session++] = told;
}

static void add_lost(Probe__Status *status, const struct engine *engine)
{
	struct counters_sum sum = engine->past;
	if (engine->sampler)
		counters_add(engine->sampler->counters, &sum);
	status->has_program_seconds = 1;
	status->program_seconds = (double)sum.spent_ns / 1e9;
	for (unsigned i = 0; i < COUNTERS; i++) {
		Probe__Status__Count *count = memory_new(1, sizeof(*count));
		probe__status__count__init(count);
		count->name = array_copy(counters_name(i), strlen(counters_name(i)));
		count->value = sum.counter[i];
		status->lost = list_room(status->lost, status->n_lost);
		status->lost[status->n_lost++] = count;
	}
}

static void fill(Probe__Status *status, const struct engine *engine)
{
	status->version = array_copy(VERSION, strlen(VERSION));
	status->has_uptime_ns = status->has_clients = status->has_clients_max = 1;
	status->has_own_cpu_seconds = status->has_own_rss_bytes = 1;
	status->has_client_bytes_max = status->has_recordings = 1;
	status->has_objects = status->has_processes = 1;
	status->uptime_ns = clock_now_ns() - engine->started_ns;
	status->clients_max = LIMIT_CLIENTS;
	uint64_t broker_cpu_ns = 0;
	asker_ping(engine->asker, &broker_cpu_ns, NULL);
	status->own_cpu_seconds = own_cpu_seconds() + (double)broker_cpu_ns / 1e9;
	status->has_samples = status->has_waits = status->has_landlock = 1;
	status->samples = engine->n_samples;
	status->waits = engine->n_waits;
	status->landlock = confine_has_landlock();
	status->own_rss_bytes = own_rss_bytes();
	status->client_bytes_max = LIMIT_REQUEST_BYTES + LIMIT_CLIENT_QUEUE_BYTES;
	status->recordings = engine->n_recordings;
	for (uint32_t i = 0; i < engine->n_clients; i++) {
		const struct session *session = client_session(engine->clients[i]);
		status->clients += !client_is_over(engine->clients[i]);
		status->samples += session ? session->tally.samples : 0;
		status->waits += session ? session->tally.waits : 0;
		if (session && session->state != SESSION_STOPPED)
			add_session(status, engine->clients[i], session);
	}
	if (engine->sampler || engine->n_recordings)
		add_lost(status, engine);
	if (!engine->sampler)
		return;
	status->has_stacks = status->has_stack_bytes = 1;
	status->stacks = stacks_count(&engine->sampler->stacks);
	status->stack_bytes = stacks_bytes(&engine->sampler->stacks, NULL);
	status->objects = objects_held(engine->sampler->objects);
	status->processes = processes_count(engine->sampler->processes);
}

int status_send(const struct engine *engine, struct wire *wire)
{
	Probe__Message *message = memory_new(1, sizeof(*message));
	probe__message__init(message);
	message->kind_case = PROBE__MESSAGE__KIND_STATUS;
	message->status = memory_new(1, sizeof(*message->status));
	probe__status__init(message->status);
	fill(message->status, engine);
	int code = message_send(wire, message, NULL, 0);
	message_free(message);
	return code;
}

/* A part of the list under way. */
struct listing {
	struct wire *wire;
	bool everything;
	uint32_t *allowed; /* unless everything: in order */
	size_t n_allowed;
	Probe__List__Process processes[LIST_PART], *pointers[LIST_PART];
	char comm[LIST_PART][sizeof(((struct procfs_stat *)0)->comm) * 4];
	size_t n;
	int code;
};

static void flush(struct listing *listing, bool last)
{
	Probe__List list = PROBE__LIST__INIT;
	list.process = listing->pointers;
	list.n_process = listing->n;
	list.has_last = 1;
	list.last = last;
	Probe__Message message = PROBE__MESSAGE__INIT;
	message.kind_case = PROBE__MESSAGE__KIND_LIST;
	message.list = &list;
	if (!listing->code)
		listing->code = message_send(listing->wire, &message, NULL, 0);
	listing->n = 0;
}

static int compare(const void *a, const void *b)
{
	uint32_t one = *(const uint32_t *)a, two = *(const uint32_t *)b;
	return (one > two) - (one < two);
}

static bool is_allowed(const struct listing *listing, uint32_t pid)
{
	return listing->everything ||
	       (listing->n_allowed &&
		bsearch(&pid, listing->allowed, listing->n_allowed, sizeof(pid), compare));
}

static void read_allowed(struct listing *listing, int file)
{
	uint32_t part[LIST_PART];
	ssize_t n;
	while ((n = read(file, part, sizeof(part))) > 0) {
		size_t pids = (size_t)n / sizeof(*part);
		listing->allowed =
			memory_resize(listing->allowed, listing->n_allowed + pids, sizeof(*part));
		memcpy(listing->allowed + listing->n_allowed, part, pids * sizeof(*part));
		listing->n_allowed += pids;
	}
	if (listing->n_allowed)
		qsort(listing->allowed, listing->n_allowed, sizeof(*part), compare);
}

static bool add_process(void *context, const struct procfs_stat *stat)
{
	struct listing *listing = context;
	Probe__List__Process *process = &listing->processes[listing->n];
	if (stat->state == 'Z' || !is_allowed(listing, stat->pid))
		return true;
	probe__list__process__init(process);
	escape_text(listing->comm[listing->n], sizeof(listing->comm[0]), stat->comm,
		    strnlen(stat->comm, sizeof(stat->comm)));
	process->has_pid = process->has_parent = process->has_threads = 1;
	process->has_kernel = process->has_uid = 1;
	process->pid = stat->pid;
	process->parent = stat->parent;
	process->threads = stat->threads;
	process->kernel = stat->kernel_thread;
	process->uid = stat->uid;
	process->comm = listing->comm[listing->n];
	listing->pointers[listing->n] = process;
	if (++listing->n == LIST_PART)
		flush(listing, false);
	return !listing->code;
}

int status_send_list(const struct engine *engine, struct wire *wire)
{
	struct listing *listing guard_mem = memory_new(1, sizeof(*listing));
	struct err err = {0};
	int file guard_fd = -1;
	int code = asker_list(engine->asker, wire_fd(wire), &file, &err);
	if (code) {
		err_set(&err, code, ERR_FAILED, "cannot list processes: %s", strerror(-code));
		message_send_failed(wire, &err);
		return code;
	}
	listing->wire = wire;
	listing->everything = file < 0;
	if (file >= 0)
		read_allowed(listing, file);
	procfs_each(add_process, listing);
	flush(listing, true);
	free(listing->allowed);
	return listing->code;
}
