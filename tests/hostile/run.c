/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/hostile/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"
#include "common/guard.h"
#include "common/memory.h"
#include "daemon/launch.h"
#include "daemon/worker_link.h"

enum {
	ADDRESSES = 256, /* of one file */
	OBJECT = 1,
};

struct run {
	int program;
	sd_event *event;
	struct launch_worker worker;
	struct worker_link *link;
	struct worker_opened opened;
	struct run_result *result;
};

static void on_opened(void *context, int code, const char *words,
		      const struct worker_opened *opened)
{
	struct run *run = context;
	run->result->opened = code;
	run->result->strange |= code == -EPROTO;
	snprintf(run->result->words, sizeof(run->result->words), "%s", words);
	if (opened)
		run->opened = *opened;
}

static void on_done(void *context, int code, const char *words)
{
	struct run *run = context;
	run->result->strange |= code == -EPROTO;
	if (code)
		snprintf(run->result->words, sizeof(run->result->words), "%s", words);
}

/* It may not fit: the object goes on without it. */
static void on_debug(void *context, int code, const char *words, const struct worker_opened *opened)
{
	struct run *run = context;
	if (opened)
		run->opened = *opened;
	on_done(context, code, words);
}

static void on_name(void *context, size_t index, const struct worker_link_name *name)
{
	struct run *run = context;
	run->result->named += name->n_lines > 0;
	if (!index && name->n_lines)
		snprintf(run->result->name, sizeof(run->result->name), "%s",
			 name->lines[name->n_lines - 1].name);
}

static void on_table(void *context, int code, const char *words, const struct worker_table *table,
		     const struct unwind_rule *rules, const struct unwind_row *rows)
{
	struct run *run = context;
	run->result->table = !code;
	run->result->strange |= code == -EPROTO;
}

static _Noreturn void fail(const char *what, int code)
{
	fprintf(stderr, "hostile: %s: %s\n", what, strerror(-code));
	exit(2);
}

/* The link only waits to be freed: see ask(). */
static void on_dead(void *context)
{
}

/* Until nothing is asked any more. false: the worker is dead. */
static bool ask(struct run *run)
{
	while (worker_link_waiting(run->link) && !worker_link_is_dead(run->link))
		if (sd_event_run(run->event, UINT64_MAX) < 0)
			fail("the event loop", -EIO);
	return !worker_link_is_dead(run->link);
}

static void start(struct run *run)
{
	int socket;
	struct err err = {0};
	int code = launch_worker(run->program, &run->worker, &socket, &err);
	if (code)
		fail(err.msg, code);
	code = sd_event_new(&run->event);
	if (code < 0)
		fail("no event loop", code);
	run->link = worker_link_new(run->event, socket, on_dead, run);
	if (!run->link)
		fail("no link", -ENOMEM);
}

/* Of the worker while it lives. */
static uint64_t cpu_ns(const struct run *run)
{
	clockid_t clock;
	struct timespec now;
	if (clock_getcpuclockid(run->worker.pid, &clock) || clock_gettime(clock, &now))
		return 0;
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t peak_bytes(const struct run *run)
{
	char path[64], line[256];
	unsigned long long kib = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", run->worker.pid);
	guard_file FILE *file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "VmHWM: %llu", &kib) == 1)
			break;
	return kib << 10;
}

static uint64_t nanoseconds(const struct timeval *time)
{
	return (uint64_t)time->tv_sec * 1000000000u + (uint64_t)time->tv_usec * 1000;
}

/* The worker ends: killed, or by itself where it is dead. */
static void stop(struct run *run, bool by_force)
{
	struct rusage used;
	int status = 0;
	if (!run->link)
		return;
	worker_link_free(steal_ptr(run->link));
	if (by_force)
		kill(run->worker.pid, SIGKILL);
	if (wait4(run->worker.pid, &status, 0, &used) == run->worker.pid && !by_force) {
		run->result->status = status;
		run->result->cpu_ns = nanoseconds(&used.ru_utime) + nanoseconds(&used.ru_stime);
		run->result->peak_bytes = (uint64_t)used.ru_maxrss << 10;
	}
	close(run->worker.pidfd);
	run->event = sd_event_unref(run->event);
}

/* Over all code, the ends of segments with it. */
static uint32_t addresses(const struct worker_opened *opened, uint64_t list[ADDRESSES])
{
	uint32_t n = 0;
	if (!opened->n_segments)
		return 0;
	const uint32_t each = ADDRESSES / opened->n_segments;
	for (uint32_t i = 0; i < opened->n_segments; i++)
		for (uint32_t k = 0; k < each; k++)
			list[n++] = opened->segments[i].offset +
				    opened->segments[i].file_bytes / each * k;
	return n;
}

/* The questions of one file; false: the worker died of one. */
static bool questions(struct run *run, int fd, int debug_fd)
{
	uint64_t list[ADDRESSES];
	worker_link_open(run->link, OBJECT, fd, on_opened, run);
	if (!ask(run) || run->result->opened)
		return !worker_link_is_dead(run->link);
	if (debug_fd >= 0) {
		worker_link_debug(run->link, OBJECT, debug_fd, on_debug, run);
		if (!ask(run))
			return false;
		if (run->opened.n_alt_id)
			worker_link_alt(run->link, OBJECT, debug_fd, on_debug, run);
		if (!ask(run))
			return false;
	}
	run->result->asked = addresses(&run->opened, list);
	worker_link_names(run->link, OBJECT, list, run->result->asked, on_name, on_done, run);
	if (!ask(run))
		return false;
	worker_link_table(run->link, OBJECT, on_table, run);
	return ask(run);
}

void run_file(struct run *run, int fd, int debug_fd, struct run_result *result)
{
	*result = (struct run_result){0};
	run->result = result;
	if (!run->link)
		start(run);
	const uint64_t before_ns = cpu_ns(run);
	result->died = !questions(run, fd, debug_fd);
	if (result->died) {
		stop(run, false);
		result->cpu_ns -= before_ns;
	} else {
		result->cpu_ns = cpu_ns(run) - before_ns;
		result->peak_bytes = peak_bytes(run);
	}
}

void run_rest(struct run *run)
{
	stop(run, true);
}

struct run *run_new(void)
{
	struct run *run = memory_new(1, sizeof(*run));
	struct err err = {0};
	int code = launch_open_program("probe-symbolizer", &run->program, &err);
	if (code)
		fail(err.msg, code);
	return run;
}

void run_free(struct run *run)
{
	run_rest(run);
	close(run->program);
	free(run);
}
