/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/processes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/array.h"
#include "common/clock.h"
#include "common/guard.h"
#include "common/index.h"
#include "common/memory.h"
#include "daemon/asker.h"
#include "daemon/locations.h"
#include "daemon/maps.h"
#include "daemon/objects.h"
#include "daemon/sideband.h"
#include "daemon/spaces.h"

/* Of most processes of a storm nobody asks before they end. What a new image maps is only noted
 * until it is sampled, or so old; while execs are few, each is made known to the programs at once.
 */
static const uint64_t SETTLED_NS = 100000000;
static const uint64_t TOKEN_NS = 50000000;
enum {
	TOKENS = 20
};

struct processes {
	struct process **at; /* from 1; NULL: free */
	uint32_t n, room, count;
	struct index by_pid;
	uint32_t generation;
	struct spaces *spaces;
	struct objects *objects;
	struct asker *asker;
	bool any_stale, any_changed;
	struct {
		uint32_t *at, n, room;
	} untold; /* pids of those with tell_ns, perhaps of others */
	uint32_t tokens;
	uint64_t tokens_ns;
};

struct processes *processes_new(struct spaces *spaces, struct objects *objects, struct asker *asker)
{
	struct processes *processes = memory_new(1, sizeof(*processes));
	processes->spaces = spaces;
	processes->objects = objects;
	processes->asker = asker;
	array_add(processes);
	return processes;
}

void processes_free(struct processes *processes)
{
	if (!processes)
		return;
	for (uint32_t i = 1; i < processes->n; i++)
		if (processes->at[i]) {
			spaces_unref(processes->spaces, processes->at[i]->space);
			free(processes->at[i]);
		}
	free(processes->at);
	free(processes->untold.at);
	index_deinit(&processes->by_pid);
	free(processes);
}

uint32_t processes_count(const struct processes *processes)
{
	return processes->count;
}

static bool same_pid(const void *context, uint32_t number, const void *key)
{
	const struct processes *processes = context;
	return processes->at[number]->pid == *(const uint32_t *)key;
}

static uint32_t number_of(const struct processes *processes, uint32_t pid)
{
	return index_find(&processes->by_pid, index_hash(&pid, sizeof(pid)), same_pid, processes,
			  &pid);
}

struct process *processes_find(struct processes *processes, uint32_t pid)
{
	return processes->at[number_of(processes, pid)];
}

static uint32_t free_number(struct processes *processes)
{
	/* Few processes end before their recording does: a linear look is rare. */
	if (processes->count + 1 < processes->n)
		for (uint32_t i = 1; i < processes->n; i++)
			if (!processes->at[i])
				return i;
	array_add(processes);
	return processes->n - 1;
}

static struct process *make(struct processes *processes, uint32_t pid)
{
	struct process *process = processes_find(processes, pid);
	if (process)
		return process;
	uint32_t number = free_number(processes);
	process = processes->at[number] = memory_new(1, sizeof(*process));
	process->pid = pid;
	process->generation = ++processes->generation;
	processes->count++;
	index_add(&processes->by_pid, index_hash(&pid, sizeof(pid)), number);
	return process;
}

/* The code that it made is gone; what is known of it stays, for its samples and its children. */
static void leave_jit(struct processes *processes, struct process *process)
{
	struct object *jit = objects_get(processes->objects, process->jit);
	if (process->jit && jit->pid == process->pid)
		jit->gone = true;
	process->jit = 0;
}

static void remove_process(struct processes *processes, uint32_t pid)
{
	uint32_t number = number_of(processes, pid);
	if (!number)
		return;
	index_remove(&processes->by_pid, index_hash(&pid, sizeof(pid)), number);
	leave_jit(processes, processes->at[number]);
	spaces_unref(processes->spaces, processes->at[number]->space);
	free(processes->at[number]);
	processes->at[number] = NULL;
	processes->count--;
}

void processes_prune(struct processes *processes, bool (*used)(void *context, uint32_t pid),
		     void *context)
{
	for (uint32_t i = 1; i < processes->n; i++)
		if (processes->at[i] && !used(context, processes->at[i]->pid))
			remove_process(processes, processes->at[i]->pid);
}

/* Has walks of it go by its space. */
static void tell(struct processes *processes, struct process *process)
{
	process->tell_ns = 0;
	process->told_ns = clock_now_ns();
	asker_space(processes->asker, process->pid, process->space->slot, NULL);
}

static void tell_at(struct processes *processes, struct process *process, uint64_t when_ns)
{
	if (!process->tell_ns)
		*array_add(&processes->untold) = process->pid;
	process->tell_ns = when_ns;
}

static bool are_few(struct processes *processes)
{
	uint64_t now_ns = clock_now_ns(), more = (now_ns - processes->tokens_ns) / TOKEN_NS;
	if (more) {
		processes->tokens = more < TOKENS - processes->tokens
					    ? processes->tokens + (uint32_t)more
					    : TOKENS;
		processes->tokens_ns = now_ns;
	}
	if (!processes->tokens)
		return false;
	processes->tokens--;
	return true;
}

/* A new space, read from its maps, in place of the one it has. */
static void load_space(struct processes *processes, struct process *process, int maps_fd,
		       uint64_t read_ns)
{
	int own guard_fd = -1;
	if (maps_fd < 0) {
		read_ns = clock_now_ns();
		if (!asker_maps(processes->asker, process->pid, &own, NULL))
			maps_fd = own;
	}
	struct address_space *space;
	if (maps_fd < 0 || spaces_add(processes->spaces, process->pid, maps_fd, read_ns, &space))
		return;
	spaces_unref(processes->spaces, process->space);
	process->space = space;
	tell(processes, process);
}

struct process *processes_add(struct processes *processes, uint32_t pid, int maps_fd,
			      uint64_t read_ns)
{
	struct process *process = make(processes, pid);
	load_space(processes, process, maps_fd, read_ns);
	return process;
}

void processes_on_fork(struct processes *processes, const struct life_event *event)
{
	struct process *parent = processes_find(processes, event->parent);
	remove_process(processes, event->tgid); /* an older process of this number */
	struct process *child = make(processes, event->tgid);
	memcpy(child->comm, event->comm, COMM_BYTES);
	if (parent && parent->space)
		child->space = spaces_ref(parent->space);
	if (child->space && (child->space->dormant || child->space->slot != event->space))
		tell_at(processes, child, event->time_ns + SETTLED_NS);
	child->jit = parent ? parent->jit : 0;
}

void processes_on_exec(struct processes *processes, const struct life_event *event)
{
	struct process *process = make(processes, event->tgid);
	process->generation = ++processes->generation;
	process->missed_ns = process->miss_pause_ns = 0;
	memcpy(process->comm, event->comm, COMM_BYTES);
	leave_jit(processes, process);
	if (process->fresh) {
		process->fresh = false;
		tell_at(processes, process, event->time_ns + (are_few(processes) ? 0 : SETTLED_NS));
		return;
	}
	spaces_unref(processes->spaces, process->space);
	process->space = NULL;
	load_space(processes, process, -1, 0);
}

void processes_on_exit(struct processes *processes, const struct life_event *event)
{
	remove_process(processes, event->tgid);
}

/* The jitdump that it maps, 0: none. */
static uint32_t dump_of(const struct processes *processes, const struct process *process)
{
	const struct address_space *space = process->space;
	for (uint32_t i = 0; space && i < space->maps.n; i++)
		if (space->objects[i] && objects_is_dump(processes->objects, space->objects[i]))
			return space->objects[i];
	return 0;
}

void processes_renew_names(struct processes *processes)
{
	for (uint32_t i = 1; i < processes->n; i++)
		if (processes->at[i] && processes->at[i]->jit)
			objects_renew_jit(processes->objects, processes->asker,
					  processes->at[i]->jit,
					  dump_of(processes, processes->at[i]));
}

void processes_mark_objects(const struct processes *processes, bool *used)
{
	for (uint32_t i = 1; i < processes->n; i++)
		if (processes->at[i])
			used[processes->at[i]->jit] = true;
}

uint32_t processes_main_object(struct processes *processes, uint32_t pid)
{
	const struct process *process = processes_find(processes, pid);
	const struct address_space *space = process ? process->space : NULL;
	for (uint32_t i = 0; space && i < space->maps.n; i++)
		if (space->objects[i])
			return space->objects[i];
	return 0;
}

enum {
	MISS_PAUSE_NS_MAX = 1000000000
};

/* Changes with every mapping that comes, goes or moves. */
static uint64_t maps_print(const struct process *process)
{
	uint64_t print = 0;
	const struct maps *maps = process->space ? &process->space->maps : NULL;
	for (uint32_t i = 0; maps && i < maps->n; i++)
		print = (print ^ maps->at[i].start ^ maps->at[i].end << 20) * 0x9e3779b97f4a7c15ull;
	return print;
}

/* Reading maps costs in proportion to their number, and a process with code that is never in them
 * (it unmapped it) would ask for ever: at most a tenth of the time goes there, and less and less
 * while it is in vain. */
static bool may_read_again(const struct process *process, uint64_t now)
{
	return now - process->missed_ns >= 10 * process->miss_cost_ns + process->miss_pause_ns;
}

static void read_again(struct processes *processes, struct process *process)
{
	uint64_t begin = clock_now_ns(), before = maps_print(process);
	if (!may_read_again(process, begin))
		return;
	int fd guard_fd = -1;
	if (process->space && !process->space->dormant && process->space->refs == 1 &&
	    !asker_maps(processes->asker, process->pid, &fd, NULL))
		spaces_update(processes->spaces, process->space, process->pid, fd, begin);
	else
		load_space(processes, process, -1, 0);
	process->missed_ns = clock_now_ns();
	process->miss_cost_ns = process->missed_ns - begin;
	if (maps_print(process) != before)
		process->miss_pause_ns = 0;
	else
		process->miss_pause_ns = process->miss_pause_ns * 2 + process->miss_cost_ns;
	if (process->miss_pause_ns > MISS_PAUSE_NS_MAX)
		process->miss_pause_ns = MISS_PAUSE_NS_MAX;
}

void processes_missed(struct processes *processes, struct process *process)
{
	read_again(processes, process);
}

static void mark_stale(struct processes *processes, struct process *process)
{
	process->stale = true;
	process->miss_pause_ns = 0; /* not in vain */
	processes->any_stale = true;
}

void processes_on_lost_maps(struct processes *processes)
{
	for (uint32_t i = 1; i < processes->n; i++)
		if (processes->at[i])
			mark_stale(processes, processes->at[i]);
}

/* From here on it has nothing of what it had. */
static void on_image(struct processes *processes, struct process *process)
{
	spaces_unref(processes->spaces, process->space);
	process->space = spaces_add_dormant(processes->spaces);
	process->fresh = true;
	process->stale = false;
}

/* Its own, not one that it shares with those it forked, or that forked it. */
static void own_space(struct processes *processes, struct process *process)
{
	if (process->space->refs == 1)
		return;
	struct address_space *own = spaces_copy(processes->spaces, process->space);
	spaces_unref(processes->spaces, process->space);
	process->space = own;
	if (own->dormant)
		return;
	/* Before walks go by it: what comes next may be known already, and publish nothing. */
	spaces_publish(processes->spaces, own);
	tell(processes, process);
}

static void put(struct processes *processes, struct process *process, const struct maps_line *line)
{
	uint32_t object = 0;
	int code = spaces_put(processes->spaces, process->space, process->pid, line, &object);
	/* Where files lie upon others (overlayfs), some kernels tell another inode here than in
	 * /proc/PID/maps. And the first mapping of a program reaches over all of it at first, until
	 * the kernel has unmapped the rest. */
	if (code < 0 || objects_get(processes->objects, object)->code == -ESTALE ||
	    objects_is_unsettled(processes->objects, object))
		mark_stale(processes, process);
	if (!code)
		process->changed = processes->any_changed = true;
}

/* Others may share the space, when this one has ended: it is published at once. */
static void wake(struct processes *processes, struct process *process)
{
	struct maps notes;
	bool changed = process->changed;
	if (!process->space || !process->space->dormant)
		return;
	spaces_wake(processes->spaces, process->space, &notes);
	for (uint32_t i = 0; i < notes.n; i++)
		put(processes, process, &notes.at[i]);
	maps_deinit(&notes);
	spaces_publish(processes->spaces, process->space);
	process->changed = changed;
}

struct address_space *processes_space(struct processes *processes, struct process *process)
{
	wake(processes, process);
	return process->space;
}

void processes_ready(struct processes *processes, struct process *process)
{
	if (processes_space(processes, process) && process->tell_ns)
		tell(processes, process);
}

void processes_on_sample(struct processes *processes, struct process *process,
			 const struct sample_event *event)
{
	const struct address_space *space = processes_space(processes, process);
	if (space && space->slot != event->space && process->told_ns <= event->time_ns)
		tell_at(processes, process, event->time_ns);
}

void processes_on_map(struct processes *processes, const struct sideband_record *record)
{
	struct process *process = processes_find(processes, record->pid);
	if (!process)
		return;
	if (process->space && record->time_ns < process->space->read_ns)
		return; /* it was read with that mapping */
	if (record->image) {
		on_image(processes, process);
		return;
	}
	if (!process->space) {
		mark_stale(processes, process);
		return;
	}
	own_space(processes, process);
	if (process->space->dormant &&
	    spaces_note(processes->spaces, process->space, process->pid, &record->line))
		return;
	wake(processes, process);
	put(processes, process, &record->line);
}

static void publish_changed(struct processes *processes)
{
	for (uint32_t i = 1; processes->any_changed && i < processes->n; i++) {
		struct process *process = processes->at[i];
		if (process && process->changed && process->space)
			spaces_publish(processes->spaces, process->space);
		if (process)
			process->changed = false;
	}
	processes->any_changed = false;
}

static void tell_untold(struct processes *processes)
{
	uint32_t n = 0;
	uint64_t now_ns = clock_now_ns();
	for (uint32_t i = 0; i < processes->untold.n; i++) {
		uint32_t pid = processes->untold.at[i];
		struct process *process = processes_find(processes, pid);
		if (!process || !process->tell_ns)
			continue;
		if (process->tell_ns > now_ns)
			processes->untold.at[n++] = pid;
		else if (processes_space(processes, process))
			tell(processes, process);
		else
			process->tell_ns = 0;
	}
	processes->untold.n = n;
}

static void read_stale(struct processes *processes)
{
	if (!processes->any_stale)
		return;
	processes->any_stale = false;
	uint64_t now = clock_now_ns();
	for (uint32_t i = 1; i < processes->n; i++) {
		struct process *process = processes->at[i];
		if (!process || !process->stale)
			continue;
		if (may_read_again(process, now)) {
			process->stale = false;
			read_again(processes, process);
		} else {
			processes->any_stale = true; /* the next time */
		}
	}
}

void processes_refresh(struct processes *processes)
{
	publish_changed(processes);
	tell_untold(processes);
	read_stale(processes);
}

static const struct maps_line *line_at(struct processes *processes, struct process *process,
				       uint64_t address)
{
	const struct address_space *space = processes_space(processes, process);
	return space ? maps_find(&space->maps, address) : NULL;
}

void processes_resolve(struct processes *processes, struct process *process, uint64_t address,
		       struct location *location)
{
	const struct maps_line *line = line_at(processes, process, address);
	if (!line) {
		read_again(processes, process);
		line = line_at(processes, process, address);
	}
	if (line && line->kind == MAPS_ANONYMOUS && !process->jit)
		process->jit = objects_add_jit(processes->objects, processes->asker, process->pid,
					       dump_of(processes, process));
	*location = (struct location){
		.kind = line ? LOCATION_ANONYMOUS : LOCATION_UNKNOWN,
		.address = address,
		.object = process->jit,
	};
	uint32_t object = line ? process->space->objects[line - process->space->maps.at] : 0;
	if (object)
		*location = (struct location){
			.kind = LOCATION_FILE,
			.address = address - line->start + line->offset,
			.object = object,
		};
}
