/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/array.h"
#include "common/guard.h"
#include "common/memory.h"
#include "common/procfs.h"

#define SECOND_NS 1000000000ull

enum {
	PROCESSES_MOST = 4096, /* more are not followed: each costs 50 us a reading */
	THREADS_MOST = 1024,   /* of all processes, whose switches are read: 15 us each */
	PARENTS_MOST = 4096,   /* threads whose children are looked for in a reading: 15 us each */
};

const struct usage_about usage_about[USAGE_KINDS] = {
	[USAGE_CPU] = {"cpu", "nanoseconds", true},
	[USAGE_RSS] = {"rss", "bytes", false},
	[USAGE_THREADS] = {"threads", "count", false},
	[USAGE_PROCESSES] = {"processes", "count", false},
	[USAGE_VOLUNTARY] = {"voluntary_switches", "count", true},
	[USAGE_INVOLUNTARY] = {"involuntary_switches", "count", true},
	[USAGE_MINOR_FAULTS] = {"minor_faults", "count", true},
	[USAGE_MAJOR_FAULTS] = {"major_faults", "count", true},
	[USAGE_READ] = {"read", "bytes", true},
	[USAGE_WRITTEN] = {"written", "bytes", true},
	[USAGE_FDS] = {"fds", "count", false},
};

/* What a process passes on to its parent when it is waited for. */
enum passed_on {
	PASSED_CPU,
	PASSED_MINOR,
	PASSED_MAJOR,
	PASSED_READ,
	PASSED_WRITTEN,
	PASSED_KINDS,
};

struct thread {
	uint32_t tid;
	uint64_t voluntary, involuntary;
	uint64_t seen; /* in this reading */
};

struct process {
	uint32_t pid, parent;
	uint64_t start; /* of /proc/PID/stat: tells it from a later one of its number */
	/* Of itself and of the children it has waited for, ever, and what came of that since. */
	uint64_t all[PASSED_KINDS], more[PASSED_KINDS];
	struct {
		struct thread *at;
		uint32_t n, room;
	} threads;
	uint64_t children_minor; /* faults of the children it has waited for, ever */
	bool ended, gone;
	int owed; /* readings in which it was looked for in its parent's account */
};

struct usage {
	struct {
		struct process *at;
		uint32_t n, room;
	} processes;
	bool children;
	bool overfull; /* there are more processes than are followed */
	uint64_t readings;
	uint32_t threads; /* that were read in this reading */
	/* Where there are more threads than are asked for their children in one reading, it goes on
	 * with this one: a child may be found some readings late. */
	uint32_t first_parent;
	bool complete; /* all threads were asked for theirs, once */
	struct usage_reading *reading;
};

static void add_process(struct usage *usage, uint32_t pid)
{
	for (uint32_t i = 0; i < usage->processes.n; i++)
		if (usage->processes.at[i].pid == pid)
			return;
	if (usage->processes.n == PROCESSES_MOST) {
		usage->overfull = true;
		return;
	}
	struct process *process = array_add(&usage->processes);
	*process = (struct process){.pid = pid}; /* the place may have been another's */
}

struct usage *usage_new(const uint32_t *pids, size_t n, bool children)
{
	struct usage *usage = memory_new(1, sizeof(*usage));
	usage->children = children;
	for (size_t i = 0; i < n; i++)
		add_process(usage, pids[i]);
	return usage;
}

void usage_free(struct usage *usage)
{
	if (!usage)
		return;
	for (uint32_t i = 0; i < usage->processes.n; i++)
		free(usage->processes.at[i].threads.at);
	free(usage->processes.at);
	free(usage);
}

static void advance(struct process *process, enum passed_on kind, uint64_t all)
{
	process->more[kind] = all > process->all[kind] ? all - process->all[kind] : 0;
	process->all[kind] = all;
}

/* Its own account, with that of the children it has waited for where these count. Where they do
 * not, the kernel's account of I/O is no use for a reading in which it has waited for one: that has
 * no part for children. */
static void take_account(struct usage *usage, struct process *process, const uint64_t *f)
{
	uint64_t tick_ns = SECOND_NS / (uint64_t)sysconf(_SC_CLK_TCK);
	uint64_t ticks = f[PROCFS_USER] + f[PROCFS_SYSTEM];
	uint64_t minor = f[PROCFS_MINOR], major = f[PROCFS_MAJOR];
	if (usage->children) {
		ticks += f[PROCFS_CHILDREN_USER] + f[PROCFS_CHILDREN_SYSTEM];
		minor += f[PROCFS_CHILDREN_MINOR];
		major += f[PROCFS_CHILDREN_MAJOR];
	} else if (f[PROCFS_CHILDREN_MINOR] != process->children_minor) {
		usage->reading->known &= ~(1u << USAGE_READ | 1u << USAGE_WRITTEN);
	}
	process->children_minor = f[PROCFS_CHILDREN_MINOR];
	advance(process, PASSED_CPU, tick_ns * ticks);
	advance(process, PASSED_MINOR, minor);
	advance(process, PASSED_MAJOR, major);
}

/* CPU time, faults, RSS, threads. */
static void read_stat(struct usage *usage, struct process *process)
{
	struct procfs_stat stat;
	const uint64_t *f = stat.field;
	if (procfs_stat(process->pid, &stat) ||
	    (process->start && process->start != f[PROCFS_START])) {
		process->ended = true;
		return;
	}
	if (!process->start)
		process->children_minor = f[PROCFS_CHILDREN_MINOR];
	process->start = f[PROCFS_START];
	process->parent = stat.parent;
	take_account(usage, process, f);
	if (procfs_has_ended(&stat))
		return;
	if (stat.state == 'Z' ||
	    stat.state == 'X') /* other threads run on: their memory is not told here */
		usage->reading->known &= ~(1u << USAGE_RSS);
	uint64_t *value = usage->reading->value;
	value[USAGE_RSS] += f[PROCFS_RSS] * (uint64_t)sysconf(_SC_PAGESIZE);
	value[USAGE_THREADS] += stat.threads;
	value[USAGE_PROCESSES]++;
	usage->reading->ended = false;
}

/* Unknown: of the sum nothing is known. A process that ends meanwhile is no such case. */
static void is_unknown(struct usage *usage, const struct process *process, unsigned kinds)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%u", process->pid);
	if (!access(path, F_OK))
		usage->reading->known &= ~kinds;
}

static void read_io(struct usage *usage, struct process *process)
{
	static const char *const keys[] = {"read_bytes", "write_bytes"};
	char path[64];
	int64_t bytes[2];
	snprintf(path, sizeof(path), "/proc/%u/io", process->pid);
	if (!procfs_values(path, keys, bytes, 2)) {
		is_unknown(usage, process, 1u << USAGE_READ | 1u << USAGE_WRITTEN);
		return;
	}
	advance(process, PASSED_READ, (uint64_t)bytes[0]);
	advance(process, PASSED_WRITTEN, (uint64_t)bytes[1]);
}

static uint64_t count_entries(DIR *directory)
{
	uint64_t n = 0;
	const struct dirent *entry;
	while ((entry = readdir(directory)))
		n += entry->d_name[0] != '.';
	return n;
}

/* Since Linux 6.2 their number is the directory's size (f1f1f2569901). */
static void read_fds(struct usage *usage, struct process *process)
{
	char path[64];
	struct stat st;
	snprintf(path, sizeof(path), "/proc/%u/fd", process->pid);
	DIR *directory = opendir(path);
	if (!directory) {
		is_unknown(usage, process, 1u << USAGE_FDS);
		return;
	}
	bool sized = !fstat(dirfd(directory), &st) && st.st_size > 0;
	usage->reading->value[USAGE_FDS] += sized ? (uint64_t)st.st_size : count_entries(directory);
	closedir(directory);
}

static struct thread *find_thread(struct process *process, uint32_t tid)
{
	for (uint32_t i = 0; i < process->threads.n; i++)
		if (process->threads.at[i].tid == tid)
			return &process->threads.at[i];
	struct thread *thread = array_add(&process->threads);
	*thread = (struct thread){.tid = tid};
	return thread;
}

/* A thread's switches; what it made before the first reading of all does not count. */
static void read_switches(struct usage *usage, struct process *process, uint32_t tid)
{
	static const char *const keys[] = {"voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"};
	char path[64];
	int64_t switches[2];
	snprintf(path, sizeof(path), "/proc/%u/task/%u/status", process->pid, tid);
	if (!procfs_values(path, keys, switches, 2))
		return; /* it has ended */
	const uint64_t voluntary = (uint64_t)switches[0], involuntary = (uint64_t)switches[1];
	struct thread *thread = find_thread(process, tid);
	uint64_t *value = usage->reading->value;
	if (voluntary >= thread->voluntary && involuntary >= thread->involuntary) {
		value[USAGE_VOLUNTARY] += voluntary - thread->voluntary;
		value[USAGE_INVOLUNTARY] += involuntary - thread->involuntary;
	}
	thread->voluntary = voluntary;
	thread->involuntary = involuntary;
	thread->seen = usage->readings;
}

/* Children are their thread's that made them. They are read in their turn: they come last. */
static void find_children(struct usage *usage, uint32_t pid, uint32_t tid)
{
	char path[64];
	uint32_t child;
	snprintf(path, sizeof(path), "/proc/%u/task/%u/children", pid, tid);
	FILE *file guard_file = fopen(path, "re"); /* of any length */
	while (file && fscanf(file, "%" SCNu32, &child) == 1)
		add_process(usage, child);
}

/* Whether it is this thread's turn, the index-th of this reading. */
static bool is_asked(const struct usage *usage, uint32_t index)
{
	return index >= usage->first_parent && index - usage->first_parent < PARENTS_MOST;
}

static void next_parents(struct usage *usage)
{
	usage->first_parent += PARENTS_MOST;
	if (usage->first_parent < usage->threads)
		return;
	usage->first_parent = 0;
	usage->complete = true;
}

static void forget_threads(struct process *process, uint64_t reading)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < process->threads.n; i++)
		if (process->threads.at[i].seen == reading)
			process->threads.at[kept++] = process->threads.at[i];
	process->threads.n = kept;
}

static void read_threads(struct usage *usage, uint32_t index)
{
	char path[64];
	uint32_t pid = usage->processes.at[index].pid;
	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	DIR *directory = opendir(path);
	const struct dirent *entry;
	while (directory && (entry = readdir(directory))) {
		uint32_t tid = (uint32_t)strtoul(entry->d_name, NULL, 10);
		if (!tid)
			continue;
		if (usage->threads++ < THREADS_MOST)
			read_switches(usage, &usage->processes.at[index], tid);
		if (usage->children && is_asked(usage, usage->threads - 1))
			find_children(usage, pid, tid); /* may move processes */
	}
	if (directory)
		closedir(directory);
	forget_threads(&usage->processes.at[index], usage->readings);
}

static struct process *find_process(struct usage *usage, uint32_t pid)
{
	for (uint32_t i = 0; i < usage->processes.n; i++)
		if (usage->processes.at[i].pid == pid)
			return &usage->processes.at[i];
	return NULL;
}

/* The nearest ancestor that is left. */
static struct process *heir_of(struct usage *usage, const struct process *ended)
{
	struct process *heir = find_process(usage, ended->parent);
	for (int depth = 0; heir && heir->ended && depth < PROCESSES_MOST; depth++)
		heir = find_process(usage, heir->parent);
	return heir && !heir->ended ? heir : NULL;
}

/* What a process that has ended had used was counted as its own; when its parent has waited for it
 * it stands in the parent's account, and is no news. True: it does, or will not any more. */
static bool settle(struct usage *usage, struct process *ended)
{
	struct process *heir = heir_of(usage, ended);
	bool all = true;
	for (int kind = 0; heir && kind < PASSED_KINDS; kind++)
		all = all && heir->more[kind] >= ended->all[kind];
	if (heir && !all && !ended->owed++)
		return false;
	for (int kind = 0; heir && kind < PASSED_KINDS; kind++)
		if (heir->more[kind] >= ended->all[kind])
			heir->more[kind] -= ended->all[kind];
	return true;
}

static void forget_ended(struct usage *usage)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < usage->processes.n; i++) {
		struct process *process = &usage->processes.at[i];
		process->gone = process->ended && settle(usage, process);
	}
	for (uint32_t i = 0; i < usage->processes.n; i++) {
		if (usage->processes.at[i].gone)
			free(usage->processes.at[i].threads.at);
		else
			usage->processes.at[kept++] = usage->processes.at[i];
	}
	usage->processes.n = kept;
}

static void sum_up(struct usage *usage)
{
	static const enum usage_kind kinds[PASSED_KINDS] = {
		[PASSED_CPU] = USAGE_CPU,
		[PASSED_MINOR] = USAGE_MINOR_FAULTS,
		[PASSED_MAJOR] = USAGE_MAJOR_FAULTS,
		[PASSED_READ] = USAGE_READ,
		[PASSED_WRITTEN] = USAGE_WRITTEN,
	};
	for (uint32_t i = 0; i < usage->processes.n; i++)
		for (int kind = 0; kind < PASSED_KINDS && !usage->processes.at[i].ended; kind++)
			usage->reading->value[kinds[kind]] += usage->processes.at[i].more[kind];
}

void usage_read(struct usage *usage, struct usage_reading *reading)
{
	*reading = (struct usage_reading){.known = (1u << USAGE_KINDS) - 1, .ended = true};
	usage->reading = reading;
	usage->threads = 0;
	usage->overfull = false;
	usage->readings++;
	for (uint32_t i = 0; i < usage->processes.n; i++) { /* it grows meanwhile */
		struct process *process = &usage->processes.at[i];
		bool is_new = !process->start;
		memset(process->more, 0, sizeof(process->more));
		if (!process->ended)
			read_stat(usage, process);
		if (process->ended)
			continue;
		read_io(usage, &usage->processes.at[i]);
		/* It may have been there since before the first reading. */
		if (is_new && !usage->complete)
			memset(process->more, 0, sizeof(process->more));
		read_fds(usage, &usage->processes.at[i]);
		read_threads(usage, i);
	}
	next_parents(usage);
	forget_ended(usage);
	sum_up(usage);
	if (usage->threads > THREADS_MOST)
		reading->known &= ~(1u << USAGE_VOLUNTARY | 1u << USAGE_INVOLUNTARY);
	if (usage->overfull) /* of all of them nothing is known */
		reading->known = 0;
	for (int kind = 0; kind < USAGE_KINDS && usage->readings == 1; kind++)
		if (usage_about[kind].adds_up)
			reading->value[kind] = 0;
	usage->reading = NULL;
}

struct search {
	const char *comm;
	uint32_t *pids;
	size_t n, room;
};

static bool take_namesake(void *context, const struct procfs_stat *stat)
{
	struct search *search = context;
	if (!strcmp(stat->comm, search->comm))
		search->pids[search->n++] = stat->pid;
	return search->n < search->room;
}

size_t usage_find(const char *comm, uint32_t *pids, size_t room)
{
	struct search search = {comm, pids, 0, room};
	if (room)
		procfs_each(take_namesake, &search);
	return search.n;
}
