/* SPDX-License-Identifier: Apache-2.0 */
#include "common/procfs.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/guard.h"

static const unsigned KERNEL_THREAD = 0x00200000; /* PF_KTHREAD of linux/sched.h */

/* `owner` (may be NULL): the uid that the file belongs to. */
static ssize_t read_owned(const char *path, char *text, size_t room, uint32_t *owner)
{
	struct stat st;
	int fd guard_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || (owner && fstat(fd, &st)))
		return -errno;
	if (owner)
		*owner = st.st_uid;
	ssize_t n = read(fd, text, room - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	return n;
}

ssize_t procfs_read(const char *path, char *text, size_t room)
{
	return read_owned(path, text, room, NULL);
}

/* What follows the name and the state. */
static bool parse_fields(const char *at, uint64_t field[PROCFS_FIELDS])
{
	for (int i = PROCFS_PARENT; i < PROCFS_FIELDS; i++) {
		if (*at != ' ')
			return false;
		char *end;
		field[i] = (uint64_t)strtoll(at + 1, &end, 10);
		at = end;
	}
	return true;
}

static int read_stat(const char *path, uint32_t pid, struct procfs_stat *stat)
{
	char text[1024];
	uint32_t uid = 0;
	ssize_t n = read_owned(path, text, sizeof(text), &uid);
	if (n <= 0)
		return -ESRCH;
	/* pid (comm) state ppid …: comm may hold anything, also ')'. */
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	if (!open || !close || close < open)
		return -ESRCH;
	*stat = (struct procfs_stat){.pid = pid, .uid = uid};
	size_t length = (size_t)(close - open - 1);
	memcpy(stat->comm, open + 1, length < sizeof(stat->comm) ? length : sizeof(stat->comm) - 1);
	if (close[1] != ' ' || !close[2] || !parse_fields(close + 3, stat->field))
		return -ESRCH;
	stat->state = close[2];
	stat->parent = (uint32_t)stat->field[PROCFS_PARENT];
	stat->threads = (uint32_t)stat->field[PROCFS_THREADS];
	stat->kernel_thread = stat->field[PROCFS_FLAGS] & KERNEL_THREAD;
	return 0;
}

int procfs_stat(uint32_t pid, struct procfs_stat *stat)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	return read_stat(path, pid, stat);
}

/* The kernel writes a line break as \n, and a backslash twice. */
static void take_name(const char *at, char comm[PROCFS_COMM])
{
	size_t n = 0;
	for (; *at && *at != '\n' && n < PROCFS_COMM - 1; at++) {
		if (*at == '\\' && at[1])
			comm[n++] = *++at == 'n' ? '\n' : *at;
		else
			comm[n++] = *at;
	}
	comm[n] = '\0';
}

/* A line of /proc/PID/status. *found: a bit each for what a whole one has. */
static void take_line(const char *line, struct procfs_stat *stat, unsigned *found, bool *has_memory,
		      int *kernel)
{
	if (!strncmp(line, "Name:\t", 6))
		take_name(line + 6, stat->comm);
	else if (sscanf(line, "State:\t%c", &stat->state) == 1)
		*found |= 1;
	else if (sscanf(line, "PPid:\t%u", &stat->parent) == 1)
		*found |= 2;
	else if (sscanf(line, "Uid:\t%*u\t%u", &stat->uid) == 1)
		*found |= 4;
	else if (sscanf(line, "Threads:\t%u", &stat->threads) == 1)
		*found |= 8;
	else if (sscanf(line, "Kthread:\t%d", kernel) == 1)
		;
	else if (!strncmp(line, "VmSize:", 7))
		*has_memory = true;
}

int procfs_status(uint32_t pid, struct procfs_stat *stat)
{
	char path[64], line[256];
	struct procfs_stat read = {.pid = pid};
	unsigned found = 0;
	int kernel = -1;			/* newer kernels say it */
	bool begins = true, has_memory = false; /* a long line comes in several pieces */
	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	FILE *file guard_file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (begins)
			take_line(line, &read, &found, &has_memory, &kernel);
		begins = strchr(line, '\n');
	}
	if (found != 15)
		return -ESRCH;
	read.kernel_thread =
		kernel < 0 ? !has_memory && read.state != 'Z' && read.state != 'X' : kernel;
	*stat = read;
	return 0;
}

bool procfs_shares_users(uint32_t pid)
{
	char path[64], ours[16 << 10], theirs[sizeof(ours)]; /* the kernel's 340 lines */
	snprintf(path, sizeof(path), "/proc/%u/uid_map", pid);
	return procfs_read("/proc/self/uid_map", ours, sizeof(ours)) > 0 &&
	       procfs_read(path, theirs, sizeof(theirs)) > 0 && !strcmp(ours, theirs);
}

bool procfs_has_user(uint32_t pid, uint32_t uid)
{
	char path[64], line[64];
	unsigned first, n;
	snprintf(path, sizeof(path), "/proc/%u/uid_map", pid);
	FILE *file guard_file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) /* there, here, how many */
		if (sscanf(line, "%*u %u %u", &first, &n) == 2 && uid >= first && uid - first < n)
			return true;
	return false;
}

int procfs_thread_stat(uint32_t pid, uint32_t tid, struct procfs_stat *stat)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%u/task/%u/stat", pid, tid);
	return read_stat(path, tid, stat);
}

bool procfs_has_ended(const struct procfs_stat *stat)
{
	return (stat->state == 'Z' || stat->state == 'X') && stat->threads <= 1;
}

uint32_t procfs_tgid(uint32_t tid)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%u/status", tid);
	return (uint32_t)procfs_value(path, "Tgid", 0);
}

void procfs_each(bool (*on_process)(void *context, const struct procfs_stat *stat), void *context)
{
	DIR *proc = opendir("/proc");
	if (!proc)
		return;
	for (struct dirent *entry; (entry = readdir(proc));) {
		struct procfs_stat stat;
		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    procfs_status((uint32_t)strtoul(entry->d_name, NULL, 10), &stat))
			continue;
		if (!on_process(context, &stat))
			break;
	}
	closedir(proc);
}

void procfs_steal(uint64_t *stolen, uint64_t *all)
{
	char text[4096];
	*stolen = *all = 0;
	if (procfs_read("/proc/stat", text, sizeof(text)) <= 0 || strncmp(text, "cpu ", 4) != 0)
		return;
	char *p = text + 4;
	/* user nice system idle iowait irq softirq steal; guest times are in user and nice */
	for (int i = 0; i < 8; i++) {
		uint64_t value = strtoull(p, &p, 10);
		*all += value;
		if (i == 7)
			*stolen = value;
	}
}

int64_t procfs_setting(const char *path, int64_t otherwise)
{
	char text[64], *end;
	if (procfs_read(path, text, sizeof(text)) <= 0)
		return otherwise;
	int64_t number = strtoll(text, &end, 10);
	return end == text ? otherwise : number;
}

bool procfs_values(const char *path, const char *const *keys, int64_t *values, size_t n)
{
	FILE *file guard_file = fopen(path, "re");
	char line[256];
	size_t found = 0;
	bool begins = true; /* a long line comes in several pieces */
	while (file && found < n && fgets(line, sizeof(line), file)) {
		for (size_t i = 0; i < n && begins; i++) {
			size_t length = strlen(keys[i]);
			if (strncmp(line, keys[i], length) || line[length] != ':')
				continue;
			values[i] = strtoll(line + length + 1, NULL, 10);
			found++;
		}
		begins = strchr(line, '\n');
	}
	return found == n;
}

int64_t procfs_value(const char *path, const char *key, int64_t otherwise)
{
	int64_t value;
	return procfs_values(path, &key, &value, 1) ? value : otherwise;
}
