/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fixture_profile.h"

#include "common/info.pb-c.h"
#include "common/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FRAMES_MAX = 64
};

static uint32_t text(struct profile *profile, const char *string)
{
	return profile_add_string(profile, string, strlen(string));
}

static uint32_t add_function(struct profile *profile, const char *name)
{
	struct profile_function function = {.name = text(profile, name),
					    .system_name = text(profile, name)};
	char file[80];
	snprintf(file, sizeof(file), "/src/%.60s.c", name);
	function.file = text(profile, file);
	return profile_add_function(profile, &function);
}

static uint32_t add_location(struct profile *profile, const char *module, char **names, uint32_t n)
{
	struct profile_mapping mapping = {.start = 0x1000,
					  .limit = 0x100000,
					  .file = text(profile, module),
					  .has_functions = true};
	struct profile_line lines[FRAMES_MAX];
	struct profile_location location = {.mapping = profile_add_mapping(profile, &mapping)};
	for (uint32_t i = 0; i < n; i++) /* the innermost first */
		lines[i] = (struct profile_line){add_function(profile, names[n - 1 - i]), 10 + i};
	/* An address of its own for what has a name of its own. */
	location.address = 0x2000 + 16 * lines[0].function;
	return profile_add_location(profile, &location, lines, n);
}

static uint32_t add_stack(struct profile *profile, const char *stack)
{
	char copy[512], *save = NULL, *names[FRAMES_MAX];
	const char *modules[FRAMES_MAX];
	uint32_t n = 0, locations[FRAMES_MAX], n_locations = 0;
	snprintf(copy, sizeof(copy), "%s", stack);
	for (char *word = strtok_r(copy, ";", &save); word; word = strtok_r(NULL, ";", &save)) {
		char *bang = strchr(word, '!');
		modules[n] = "/usr/bin/app";
		if (bang) {
			*bang = '\0';
			modules[n] = word;
			word = bang + 1;
		}
		names[n++] = word;
	}
	for (uint32_t end = n; end > 0;) {
		uint32_t first = end - 1;
		while (first > 0 && names[first][0] == '(')
			first--;
		locations[n_locations++] =
			add_location(profile, modules[first], names + first, end - first);
		end = first;
	}
	return profile_add_stack(profile, locations, n_locations);
}

void fixture_profile_row(struct profile *profile, const char *stack, const char *comm, int64_t pid,
			 int64_t tid, const int64_t *values)
{
	struct profile_label labels[] = {
		{.key = text(profile, "comm"), .text = text(profile, comm)},
		{.key = text(profile, "pid"), .number = pid},
		{.key = text(profile, "thread_id"), .number = tid},
		{.key = text(profile, "thread_name"), .text = text(profile, comm)},
	};
	profile_add_row(profile, add_stack(profile, stack),
			profile_add_labels(profile, labels, *comm ? 4 : 0), values);
}

void fixture_profile_wait(struct profile *profile, const char *stack, int64_t tid,
			  const struct fixture_wait *wait)
{
	struct profile_label labels[] = {
		{.key = text(profile, "pid"), .number = 4242},
		{.key = text(profile, "thread_id"), .number = tid},
		{.key = text(profile, "thread_name"), .text = text(profile, "nginx")},
		{.key = text(profile, "state"), .text = text(profile, wait->state)},
		{.key = text(profile, "waker"), .text = text(profile, wait->waker)},
		{.key = text(profile, "waker_stack"),
		 .text = text(profile, wait->waker_stack ? wait->waker_stack : "")},
	};
	uint32_t n = !*wait->waker ? 4 : wait->waker_stack ? 6 : 5;
	int64_t values[PROFILE_COLUMNS] = {
		[COLUMN_OFFCPU_EVENTS] = wait->events,
		[COLUMN_BLOCKED] = wait->blocked_ns,
		[COLUMN_RUNNABLE] = wait->runnable_ns,
		[COLUMN_WALL] = wait->blocked_ns + wait->runnable_ns,
	};
	profile_add_row(profile, add_stack(profile, stack), profile_add_labels(profile, labels, n),
			values);
}

static Probe__Counter *counter(const char *name, uint64_t value)
{
	Probe__Counter *counter = malloc(sizeof(*counter));
	probe__counter__init(counter);
	counter->name = strdup(name);
	counter->value = value;
	return counter;
}

static void add_info(struct profile *profile)
{
	Probe__Info *info = malloc(sizeof(*info));
	probe__info__init(info);
	info->name = strdup("nginx");
	info->has_pid = true;
	info->pid = 4242;
	info->mode = strdup("cpu");
	info->has_hz = true;
	info->hz = 99;
	info->has_samples = true;
	info->samples = 100;
	info->n_lost = 1;
	info->lost = malloc(sizeof(*info->lost));
	info->lost[0] = counter("ring full", 2);
	info->n_walk_ends = 3;
	info->walk_ends = malloc(3 * sizeof(*info->walk_ends));
	info->walk_ends[0] = counter("root", 97);
	info->walk_ends[1] = counter("no row", 3);
	info->walk_ends[2] = counter("bad page", 0);
	profile->info = info;
}

struct profile *fixture_profile_nginx(void)
{
	static const struct {
		const char *stack;
		int64_t samples, tid;
	} rows[] = {
		{"_start;main;parse", 40, 4242},
		{"_start;main;parse;(next)", 10, 4242},
		{"_start;main;walk;walk;walk", 20, 4242},
		{"_start;main;walk;leaf", 10, 4243},
		{"_start;main;libc.so.6!write;[kernel.kallsyms]!copy_user", 19, 4243},
		{"_start;main;rare;x", 1, 4243},
	};
	struct profile *profile = profile_new_ours();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int64_t values[PROFILE_COLUMNS] = {
			[COLUMN_SAMPLES] = rows[i].samples,
			[COLUMN_CPU] = rows[i].samples * 10000000 + (int64_t)i,
		};
		fixture_profile_row(profile, rows[i].stack, "nginx", 4242, rows[i].tid, values);
	}
	profile->duration_ns = 30000000000;
	profile->period = 10101010;
	add_info(profile);
	return profile;
}

static Probe__ThreadTimes *thread(uint32_t tid, uint64_t oncpu_ns, uint64_t stolen_ns,
				  uint64_t runnable_ns, uint64_t blocked_ns)
{
	Probe__ThreadTimes *thread = malloc(sizeof(*thread));
	probe__thread_times__init(thread);
	thread->has_pid = thread->has_tid = thread->has_oncpu_ns = thread->has_stolen_ns =
		thread->has_runnable_ns = thread->has_blocked_ns = thread->has_wall_ns = true;
	thread->name = strdup("nginx");
	thread->pid = 4242;
	thread->tid = tid;
	thread->oncpu_ns = oncpu_ns;
	thread->stolen_ns = stolen_ns;
	thread->runnable_ns = runnable_ns;
	thread->blocked_ns = blocked_ns;
	thread->wall_ns = oncpu_ns + stolen_ns + runnable_ns + blocked_ns;
	return thread;
}

struct profile *fixture_profile_waits(void)
{
	static const struct {
		const char *stack;
		int64_t tid;
		struct fixture_wait wait;
	} rows[] = {
		{"_start;main;take;libc.so.6!lock",
		 4242,
		 {"sleeping", "nginx (4243)", "futex_wake;unlock;give;main", 7, 6000000000,
		  100000000}},
		{"_start;main;take;libc.so.6!lock",
		 4242,
		 {"sleeping", "nginx (4243)", "futex_wake;unlock;rare", 1, 1000000000, 0}},
		{"_start;main;nap", 4242, {"sleeping", "[interrupt]", NULL, 100, 20000000000, 0}},
		{"_start;main;work", 4242, {"runnable", "", NULL, 3, 0, 300000000}},
		{"_start;main;load",
		 4243,
		 {"disk sleep", "[interrupt]", NULL, 5, 15000000000, 100000000}},
		{"_start;main;wait", 4244, {"sleeping", "", NULL, 1, 30000000000, 0}},
	};
	struct profile *profile = profile_new_ours();
	int64_t ran[PROFILE_COLUMNS] = {
		[COLUMN_SAMPLES] = 267, [COLUMN_CPU] = 2670000000, [COLUMN_WALL] = 2670000000};
	fixture_profile_row(profile, "_start;main;work", "nginx", 4242, 4242, ran);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		fixture_profile_wait(profile, rows[i].stack, rows[i].tid, &rows[i].wait);
	profile->duration_ns = 30000000000;
	profile->period = 10000000;
	add_info(profile);
	Probe__Info *info = profile->info;
	free(info->mode);
	info->mode = strdup("wall");
	info->hz = 100;
	info->samples = 267;
	info->off_period_ns = 3200000;
	info->n_wait = 3;
	info->wait = malloc(3 * sizeof(*info->wait));
	info->wait[0] = counter("seen", 124);
	info->wait[1] = counter("sent", 120);
	info->wait[2] = counter("overdue", 4);
	info->n_wait_walk_ends = 2;
	info->wait_walk_ends = malloc(2 * sizeof(*info->wait_walk_ends));
	info->wait_walk_ends[0] = counter("root", 98);
	info->wait_walk_ends[1] = counter("no row", 2);
	info->n_thread = 3;
	info->thread = malloc(3 * sizeof(*info->thread));
	info->thread[0] = thread(4242, 2500000000, 100000000, 400000000, 27000000000);
	info->thread[1] = thread(4243, 100000000, 0, 100000000, 29800000000);
	info->thread[2] = thread(4244, 0, 0, 0, 30000000000);
	return profile;
}
