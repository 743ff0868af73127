/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/debug_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/guard.h"
#include "daemon/target_files.h"

enum {
	ID_MIN = 2,
	ID_MAX = 32,
};

/* In a child, because /usr may be on a file system that hangs. */
static int open_path(const void *what, int *fd)
{
	const char *path = what;
	struct stat stat;
	/* O_PATH first: opening a device or a FIFO would already do something. */
	int named guard_fd = open(path, O_PATH | O_CLOEXEC);
	if (named < 0 || fstat(named, &stat) < 0)
		return -ENOENT;
	if (!S_ISREG(stat.st_mode) || stat.st_uid != 0 || stat.st_mode & (S_IWGRP | S_IWOTH) ||
	    !(stat.st_mode & S_IROTH))
		return -ENOENT;
	char again[64];
	snprintf(again, sizeof(again), "/proc/self/fd/%d", named);
	int file guard_fd = open(again, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (file < 0)
		return -ENOENT;
	*fd = steal_fd(file);
	return 0;
}

int debug_files_open(const uint8_t *build_id, size_t n, int *fd)
{
	char path[64 + 2 * ID_MAX];
	if (n < ID_MIN || n > ID_MAX)
		return -ENOENT;
	int at = snprintf(path, sizeof(path), "/usr/lib/debug/.build-id/%02x/", build_id[0]);
	for (size_t i = 1; i < n; i++)
		at += snprintf(path + at, sizeof(path) - (size_t)at, "%02x", build_id[i]);
	snprintf(path + at, sizeof(path) - (size_t)at, ".debug");
	return target_files_in_child(open_path, path, TARGET_FILES_LIMIT_MS, fd);
}
