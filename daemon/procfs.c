/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/procfs.h"

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

static ssize_t read_text(const char *path, char *text, size_t room)
{
	return read_owned(path, text, room, NULL);
}

int procfs_stat(uint32_t pid, struct procfs_stat *stat)
{
	char path[64], text[1024];
	uint32_t uid = 0;
	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
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
	unsigned parent, flags, threads;
	if (sscanf(close + 1,
		   " %c %u %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %u",
		   &stat->state, &parent, &flags, &threads) != 4)
		return -ESRCH;
	stat->parent = parent;
	stat->threads = threads;
	stat->kernel_thread = flags & KERNEL_THREAD;
	return 0;
}

uint32_t procfs_tgid(uint32_t tid)
{
	char path[64], text[4096];
	snprintf(path, sizeof(path), "/proc/%u/status", tid);
	if (read_text(path, text, sizeof(text)) <= 0)
		return 0;
	/* The name comes first, with line breaks escaped by the kernel. */
	const char *line = strstr(text, "\nTgid:");
	return line ? (uint32_t)strtoul(line + 6, NULL, 10) : 0;
}

void procfs_each(bool (*on_process)(void *context, const struct procfs_stat *stat), void *context)
{
	DIR *proc = opendir("/proc");
	if (!proc)
		return;
	for (struct dirent *entry; (entry = readdir(proc));) {
		struct procfs_stat stat;
		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    procfs_stat((uint32_t)strtoul(entry->d_name, NULL, 10), &stat))
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
	if (read_text("/proc/stat", text, sizeof(text)) <= 0 || strncmp(text, "cpu ", 4) != 0)
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
