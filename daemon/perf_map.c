/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/perf_map.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/guard.h"
#include "common/procfs.h"
#include "daemon/file_systems.h"
#include "daemon/target_files.h"

enum {
	CLOCK_SLACK_S = 2, /* of whole seconds, and of clocks that are set a little */
};

/* The name below the process's root; links on the way stay below it, the file itself is none. */
static int open_name(uint32_t pid, const struct target_identity *identity, int *named)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%u/root", pid);
	int root guard_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	struct open_how how = {
		/* O_PATH: opening a device or a FIFO would already do something. */
		.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	snprintf(path, sizeof(path), "tmp/perf-%u.map", identity->pid);
	*named = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	return *named < 0 ? -errno : 0;
}

/* When the machine was started, by the clock of files: the earliest that it ever said, since it may
 * be set while we run, and what was written before that stays as old as it was. */
static int64_t boot_s(void)
{
	static int64_t earliest_s = INT64_MAX;
	int64_t s = ((int64_t)clock_ns(CLOCK_REALTIME) - (int64_t)clock_ns(CLOCK_BOOTTIME)) /
		    1000000000;
	if (s < earliest_s)
		earliest_s = s;
	return earliest_s;
}

void perf_map_init(void)
{
	boot_s();
}

struct wanted {
	uint32_t pid;
	int64_t boot_s;
};

/* When the process began, by the clock of files; 0: not known. */
static int64_t began_at(const struct wanted *wanted)
{
	struct procfs_stat stat;
	if (procfs_stat(wanted->pid, &stat))
		return 0;
	return wanted->boot_s +
	       (int64_t)(stat.field[PROCFS_START] / (uint64_t)sysconf(_SC_CLK_TCK));
}

/* In a child: all of these may hang. */
static int open_in_child(const void *what, int *fd)
{
	const struct wanted *wanted = what;
	uint32_t pid = wanted->pid;
	struct target_identity identity;
	int named guard_fd = -1;
	int code = target_files_identity(pid, &identity);
	if (!code)
		code = open_name(pid, &identity, &named);
	if (code)
		return code == -ENOTDIR || code == -ELOOP ? -ENOENT : code;
	struct stat stat;
	if (fstat(named, &stat) < 0)
		return -errno;
	if (!S_ISREG(stat.st_mode) || stat.st_uid != identity.uid || stat.st_mode & S_IWOTH)
		return -EACCES;
	if (stat.st_mtime + CLOCK_SLACK_S < began_at(wanted))
		return -ENOENT; /* an older process's of this number */
	code = file_systems_judge(named, stat.st_dev, pid);
	if (code)
		return code;
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", named);
	int file guard_fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (file < 0)
		return -errno;
	*fd = steal_fd(file);
	return 0;
}

int perf_map_open(uint32_t pid, int *fd)
{
	const struct wanted wanted = {pid, boot_s()};
	return target_files_from_disk(pid, open_in_child, &wanted, fd);
}
