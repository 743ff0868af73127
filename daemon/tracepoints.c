/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/tracepoints.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/escape.h"
#include "common/nearest.h"
#include "common/procfs.h"
#include "daemon/event_names.h"
#include "bpf/types.h"
#include "bpf/sampler.skel.h"

/* Where tracefs is on every distribution; before Linux 4.1 it was part of debugfs. */
#define EVENTS "/sys/kernel/tracing/events"

/* Copies both parts of the name; false: it cannot be one. */
static bool split(const char *name, char system[EVENT_NAME_BYTES], char event[EVENT_NAME_BYTES])
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	size_t first = strspn(name, letters), second = 0;
	if (first && name[first] == ':')
		second = strspn(name + first + 1, letters);
	if (!second || name[first + 1 + second] || first + second + 2 > EVENT_NAME_BYTES)
		return false;
	snprintf(system, EVENT_NAME_BYTES, "%.*s", (int)first, name);
	snprintf(event, EVENT_NAME_BYTES, "%s", name + first + 1);
	return true;
}

/* The nearest entry of a directory; false: there is none. */
static bool find_near(const char *directory, const char *typed, char found[EVENT_NAME_BYTES])
{
	DIR *dir = opendir(directory);
	int distance = 0;
	const struct dirent *entry;
	*found = '\0';
	while (dir && (entry = readdir(dir))) {
		struct nearest near = nearest_init(typed);
		if (entry->d_name[0] == '.' || strlen(entry->d_name) >= EVENT_NAME_BYTES)
			continue;
		nearest_try(&near, entry->d_name);
		if (!near.best || (*found && near.distance >= distance))
			continue;
		distance = near.distance;
		snprintf(found, EVENT_NAME_BYTES, "%s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	return *found;
}

static int refuse(const char *name, const char *system, const char *event, struct err *err)
{
	char shown[EVENT_NAME_BYTES * 2], path[300], near[EVENT_NAME_BYTES];
	escape_text(shown, sizeof(shown), name, strlen(name));
	err_set(err, -ENOENT, ERR_USAGE, "no tracepoint is called \"%s\"", shown);
	snprintf(path, sizeof(path), EVENTS "/%s", system);
	if (*system && !access(path, F_OK)) {
		if (find_near(path, event, near))
			err_hint(err, "did you mean %s:%s?", system, near);
		else
			err_hint(err, "`ls " EVENTS "/%s` lists those of %s", system, system);
	} else if (*system && find_near(EVENTS, system, near)) {
		err_hint(err, "did you mean %s:%s?", near, event);
	} else {
		err_hint(err, "SYSTEM:NAME, as `ls -d " EVENTS "/*/*` lists them");
	}
	return -ENOENT;
}

int tracepoints_id(const char *name, uint64_t *id, struct err *err)
{
	char system[EVENT_NAME_BYTES] = "", event[EVENT_NAME_BYTES] = "", path[300];
	if (access(EVENTS, F_OK)) {
		err_set(err, -ENOENT, ERR_FAILED, "no tracepoints: tracefs is not mounted");
		err_hint(err, "mount -t tracefs none /sys/kernel/tracing");
		return -ENOENT;
	}
	if (!split(name, system, event))
		return refuse(name, "", "", err);
	snprintf(path, sizeof(path), EVENTS "/%s/%s/id", system, event);
	int64_t number = procfs_setting(path, -1);
	if (number < 0)
		return refuse(name, system, event, err);
	*id = (uint64_t)number;
	return 0;
}

static int reuse_maps(const struct bpf_object *from, const struct bpf_object *to)
{
	struct bpf_map *map;
	bpf_object__for_each_map(map, to)
	{
		const struct bpf_map *same = bpf_object__find_map_by_name(from, bpf_map__name(map));
		int code = same ? bpf_map__reuse_fd(map, bpf_map__fd(same)) : -ENOENT;
		if (code)
			return code;
	}
	return 0;
}

static int load(const struct sampler_bpf *loaded, struct sampler_bpf **traces)
{
	struct sampler_bpf *skeleton = sampler_bpf__open();
	struct bpf_program *program;
	if (!skeleton)
		return -errno;
	bpf_object__for_each_program(program, skeleton->obj)
	{
		bpf_program__set_autoload(program, program == skeleton->progs.sampler_trace);
	}
	int code = reuse_maps(loaded->obj, skeleton->obj);
	if (!code)
		code = sampler_bpf__load(skeleton);
	if (code) {
		sampler_bpf__destroy(skeleton);
		return code;
	}
	*traces = skeleton;
	return 0;
}

int tracepoints_load(struct tracepoints *tracepoints, uint32_t session,
		     const struct sampler_bpf *loaded, const struct bpf_program **program)
{
	struct sampler_bpf **of = &tracepoints->of[session];
	int code = *of ? 0 : load(loaded, of);
	if (!code)
		*program = (*of)->progs.sampler_trace;
	return code;
}

uint64_t tracepoints_skipped(const struct tracepoints *tracepoints, uint32_t session)
{
	const struct sampler_bpf *of = tracepoints->of[session];
	struct bpf_prog_info info = {0};
	uint32_t bytes = sizeof(info);
	if (!of || bpf_obj_get_info_by_fd(bpf_program__fd(of->progs.sampler_trace), &info, &bytes))
		return 0;
	return info.recursion_misses;
}

void tracepoints_unload(struct tracepoints *tracepoints, uint32_t session)
{
	sampler_bpf__destroy(tracepoints->of[session]);
	tracepoints->of[session] = NULL;
}
