/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/verdict.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/guard.h"
#include "daemon/peer.h"
#include "daemon/privileges.h"
#include "daemon/target_files.h"

enum {
	LIST_PART = 1024,
};

struct asked {
	const struct peer *peer;
	uint32_t pid;
};

static int become(const struct peer *peer)
{
	return privileges_act_as(peer->uid, peer->gid, peer->groups, peer->n_groups);
}

static int open_maps(uint32_t pid, int *fd)
{
	char path[64], byte;
	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	int maps guard_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (maps < 0)
		return errno == ENOENT || errno == ESRCH ? -ESRCH : -EACCES;
	/* Without memory there was nothing to judge. */
	if (pread(maps, &byte, 1, 0) != 1)
		return -ESRCH;
	*fd = steal_fd(maps);
	return 0;
}

static int open_as_client(const void *what, int *fd)
{
	const struct asked *asked = what;
	int code = become(asked->peer);
	return code ? code : open_maps(asked->pid, fd);
}

int verdict_open_maps(const struct peer *peer, uint32_t pid, int *maps)
{
	const struct asked asked = {peer, pid};
	const struct target_charge charge = {peer->uid, pid, TARGET_FILES_LIMIT_MS,
					     .verdict = true};
	return target_files_in_child(&charge, open_as_client, &asked, maps);
}

static int put(int file, const uint32_t *pids, size_t n)
{
	return write(file, pids, n * sizeof(*pids)) == (ssize_t)(n * sizeof(*pids)) ? 0 : -EIO;
}

static int list_into(int file)
{
	uint32_t pids[LIST_PART];
	size_t n = 0;
	DIR *proc = opendir("/proc");
	if (!proc)
		return -errno;
	int code = 0;
	for (struct dirent *entry; !code && (entry = readdir(proc));) {
		unsigned long pid = strtoul(entry->d_name, NULL, 10);
		int maps = -1;
		if (!pid || open_maps((uint32_t)pid, &maps))
			continue;
		close(maps);
		pids[n++] = (uint32_t)pid;
		if (n == LIST_PART) {
			code = put(file, pids, n);
			n = 0;
		}
	}
	closedir(proc);
	return code ? code : put(file, pids, n);
}

static int list_as_client(const void *what, int *fd)
{
	int file guard_fd = memfd_create("processes", MFD_CLOEXEC);
	if (file < 0)
		return -errno;
	int code = become(what);
	if (!code)
		code = list_into(file);
	if (!code)
		*fd = steal_fd(file);
	return code;
}

int verdict_list(const struct peer *peer, int *pids)
{
	int file guard_fd = -1;
	const struct target_charge charge = {peer->uid, 0, TARGET_FILES_LIMIT_MS, .verdict = true};
	int code = target_files_in_child(&charge, list_as_client, peer, &file);
	if (code)
		return code;
	if (lseek(file, 0, SEEK_SET) < 0)
		return -errno;
	*pids = steal_fd(file);
	return 0;
}
