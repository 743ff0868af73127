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

void fixture_profile_row(struct profile *profile, const char *stack, const char *comm, int64_t pid,
			 int64_t tid, const int64_t *values)
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
	struct profile_label labels[] = {
		{.key = text(profile, "comm"), .text = text(profile, comm)},
		{.key = text(profile, "pid"), .number = pid},
		{.key = text(profile, "thread_id"), .number = tid},
		{.key = text(profile, "thread_name"), .text = text(profile, comm)},
	};
	profile_add_row(profile, profile_add_stack(profile, locations, n_locations),
			profile_add_labels(profile, labels, *comm ? 4 : 0), values);
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
