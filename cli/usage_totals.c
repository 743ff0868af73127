/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/usage_totals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/usage.h"
#include "common/guard.h"
#include "common/memory.h"
#include "common/procfs.h"

#define SECOND_NS 1000000000ull
#define BIT(kind) (1u << (kind))

enum {
	IO = BIT(USAGE_READ) | BIT(USAGE_WRITTEN),
	SWITCHES = BIT(USAGE_VOLUNTARY) | BIT(USAGE_INVOLUNTARY),
	OF_THREADS = BIT(USAGE_CPU) | BIT(USAGE_THREADS) | SWITCHES | BIT(USAGE_MINOR_FAULTS) |
		     BIT(USAGE_MAJOR_FAULTS) | IO,
	OF_MACHINE = BIT(USAGE_CPU) | BIT(USAGE_RSS) | BIT(USAGE_THREADS) |
		     BIT(USAGE_MINOR_FAULTS) | BIT(USAGE_MAJOR_FAULTS) | IO | BIT(USAGE_FDS),
};

/* Of one thread, or the machine: tid 0. */
struct account {
	uint32_t pid, tid;
	uint64_t start; /* tells a thread from a later one of its number */
	uint64_t last[USAGE_KINDS];
	bool ended;
};

struct usage_totals {
	struct account *at;
	size_t n;
	uint64_t readings;
};

struct usage_totals *usage_totals_new(const uint32_t *tids, size_t n)
{
	struct usage_totals *totals = memory_new(1, sizeof(*totals));
	totals->n = n ? n : 1;
	totals->at = memory_new(totals->n, sizeof(*totals->at));
	for (size_t i = 0; i < n; i++) {
		totals->at[i].tid = tids[i];
		totals->at[i].pid = procfs_tgid(tids[i]);
	}
	return totals;
}

void usage_totals_free(struct usage_totals *totals)
{
	if (!totals)
		return;
	free(totals->at);
	free(totals);
}

static uint64_t ticks_ns(uint64_t ticks)
{
	return ticks * (SECOND_NS / (uint64_t)sysconf(_SC_CLK_TCK));
}

/* n numbers of a file of the thread's; false: they are not there, or not to be read. */
static bool read_values(const struct account *account, const char *file, const char *const *keys,
			int64_t *values, size_t n)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%u/task/%u/%s", account->pid, account->tid, file);
	return procfs_values(path, keys, values, n);
}

/* Adds what there is of it to `known`; false: it has ended. */
static bool read_thread(struct account *account, uint64_t now[USAGE_KINDS], unsigned *known)
{
	static const char *const switches[] = {"voluntary_ctxt_switches",
					       "nonvoluntary_ctxt_switches"};
	static const char *const bytes[] = {"read_bytes", "write_bytes"};
	struct procfs_stat stat;
	const uint64_t *f = stat.field;
	int64_t values[2];
	if (procfs_thread_stat(account->pid, account->tid, &stat) || stat.state == 'Z' ||
	    stat.state == 'X' || (account->start && account->start != f[PROCFS_START]))
		return false;
	account->start = f[PROCFS_START];
	now[USAGE_CPU] = ticks_ns(f[PROCFS_USER] + f[PROCFS_SYSTEM]);
	now[USAGE_MINOR_FAULTS] = f[PROCFS_MINOR];
	now[USAGE_MAJOR_FAULTS] = f[PROCFS_MAJOR];
	now[USAGE_THREADS] = 1;
	*known = OF_THREADS;
	if (read_values(account, "status", switches, values, 2)) {
		now[USAGE_VOLUNTARY] = (uint64_t)values[0];
		now[USAGE_INVOLUNTARY] = (uint64_t)values[1];
	} else {
		*known &= ~(unsigned)SWITCHES;
	}
	if (read_values(account, "io", bytes, values, 2)) {
		now[USAGE_READ] = (uint64_t)values[0];
		now[USAGE_WRITTEN] = (uint64_t)values[1];
	} else {
		*known &= ~(unsigned)IO;
	}
	return true;
}

/* All but idle, iowait and steal of the line "cpu". */
static void read_cpu(uint64_t now[USAGE_KINDS], unsigned *known)
{
	char text[4096];
	unsigned long long user, nice, system, irq, softirq;
	if (procfs_read("/proc/stat", text, sizeof(text)) > 0 &&
	    sscanf(text, "cpu %llu %llu %llu %*u %*u %llu %llu", &user, &nice, &system, &irq,
		   &softirq) == 5)
		now[USAGE_CPU] = ticks_ns(user + nice + system + irq + softirq);
	else
		*known &= ~BIT(USAGE_CPU);
}

static void read_memory(uint64_t now[USAGE_KINDS], unsigned *known)
{
	static const char *const keys[] = {"MemTotal", "MemAvailable"};
	int64_t kib[2];
	if (procfs_values("/proc/meminfo", keys, kib, 2) && kib[0] >= kib[1])
		now[USAGE_RSS] = (uint64_t)(kib[0] - kib[1]) * 1024;
	else
		*known &= ~BIT(USAGE_RSS);
}

/* Faults, and what was read from and written to storage. */
static void read_vmstat(uint64_t now[USAGE_KINDS], unsigned *known)
{
	static const char *const names[] = {"pgpgin", "pgpgout", "pgfault", "pgmajfault"};
	uint64_t value[4];
	size_t found = 0;
	char line[128], name[64];
	unsigned long long number;
	FILE *file guard_file = fopen("/proc/vmstat", "re");
	while (file && found < 4 && fgets(line, sizeof(line), file))
		for (size_t i = 0; i < 4; i++)
			if (sscanf(line, "%63s %llu", name, &number) == 2 &&
			    !strcmp(name, names[i])) {
				value[i] = number;
				found++;
			}
	if (found < 4) {
		*known &= ~(unsigned)(IO | BIT(USAGE_MINOR_FAULTS) | BIT(USAGE_MAJOR_FAULTS));
		return;
	}
	now[USAGE_READ] = value[0] * 1024;
	now[USAGE_WRITTEN] = value[1] * 1024;
	now[USAGE_MINOR_FAULTS] = value[2] > value[3] ? value[2] - value[3] : 0;
	now[USAGE_MAJOR_FAULTS] = value[3];
}

static void read_machine(uint64_t now[USAGE_KINDS], unsigned *known)
{
	char text[128];
	unsigned threads;
	int64_t files = procfs_setting("/proc/sys/fs/file-nr", -1);
	*known = OF_MACHINE;
	read_cpu(now, known);
	read_memory(now, known);
	read_vmstat(now, known);
	if (procfs_read("/proc/loadavg", text, sizeof(text)) > 0 &&
	    sscanf(text, "%*s %*s %*s %*u/%u", &threads) == 1)
		now[USAGE_THREADS] = threads;
	else
		*known &= ~BIT(USAGE_THREADS);
	if (files >= 0)
		now[USAGE_FDS] = (uint64_t)files;
	else
		*known &= ~BIT(USAGE_FDS);
}

static void add(struct account *account, const uint64_t now[USAGE_KINDS], bool first,
		struct usage_reading *reading)
{
	for (int kind = 0; kind < USAGE_KINDS; kind++) {
		uint64_t since =
			now[kind] > account->last[kind] ? now[kind] - account->last[kind] : 0;
		account->last[kind] = now[kind];
		if (!usage_about[kind].adds_up)
			reading->value[kind] += now[kind];
		else if (!first)
			reading->value[kind] += since;
	}
}

void usage_totals_read(struct usage_totals *totals, struct usage_reading *reading)
{
	*reading = (struct usage_reading){.known = ~0u, .ended = true};
	totals->readings++;
	for (size_t i = 0; i < totals->n; i++) {
		struct account *account = &totals->at[i];
		uint64_t now[USAGE_KINDS] = {0};
		unsigned known;
		if (!account->tid)
			read_machine(now, &known);
		else if (account->ended || !read_thread(account, now, &known)) {
			account->ended = true;
			continue;
		}
		add(account, now, totals->readings == 1, reading);
		reading->known &= known;
		reading->ended = false;
	}
	if (reading->ended)
		reading->known = 0;
}
