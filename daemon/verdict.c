/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/verdict.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/guard.h"
#include "common/procfs.h"
#include "daemon/errand.h"
#include "daemon/peer.h"
#include "daemon/privileges.h"
#include "daemon/target_files.h"

enum {
	LIST_PART = 1024,
};

static int become(const struct peer *peer)
{
	return privileges_act_as(peer->uid, peer->gid, peer->groups, peer->n_groups);
}

/* Whether it is worth asking for: to open the maps of another's process, which is certain to be
 * denied, may mean to wait for it. In a user namespace others may act for who made it. */
static bool may_be_own(const struct peer *peer, const struct target_identity *identity,
		       uint32_t pid)
{
	return identity->starter == peer->uid ||
	       (!procfs_shares_users(pid) && procfs_has_user(pid, peer->uid));
}

static int open_maps(const struct peer *peer, uint32_t pid)
{
	struct target_identity identity;
	char path[64];
	if (target_files_identity(pid, &identity))
		return -ESRCH;
	if (!may_be_own(peer, &identity, pid))
		return -EACCES;
	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	int maps = open(path, O_RDONLY | O_CLOEXEC);
	if (maps < 0)
		return errno == ENOENT || errno == ESRCH ? -ESRCH : -EACCES;
	return maps;
}

static int begin_as_client(const void *context)
{
	return become(context);
}

static int read_as_client(const void *context, const void *request, int *fd)
{
	const uint32_t *pid = request;
	int maps guard_fd = open_maps(context, *pid);
	if (maps < 0)
		return maps;
	int code = target_files_copy(maps, fd);
	/* Without memory there was nothing to judge. */
	return !code && *fd < 0 ? -ESRCH : code;
}

int verdict_read_maps(struct errand *judge, const struct peer *peer, uint32_t pid, int *maps)
{
	static const struct errand_kind kind = {begin_as_client, read_as_client, sizeof(pid)};
	const struct target_charge charge = {peer->uid, pid, TARGET_FILES_LIMIT_MS,
					     .verdict = true};
	return target_files_ask(&charge, judge, &kind, peer, &pid, maps);
}

static int put(int file, const uint32_t *pids, size_t n)
{
	return write(file, pids, n * sizeof(*pids)) == (ssize_t)(n * sizeof(*pids)) ? 0 : -EIO;
}

static int list_into(const struct peer *peer, int file)
{
	uint32_t pids[LIST_PART];
	size_t n = 0;
	DIR *proc = opendir("/proc");
	if (!proc)
		return -errno;
	int code = 0;
	for (struct dirent *entry; !code && (entry = readdir(proc));) {
		unsigned long pid = strtoul(entry->d_name, NULL, 10);
		char byte;
		int maps guard_fd = pid ? open_maps(peer, (uint32_t)pid) : -1;
		if (maps < 0 || pread(maps, &byte, 1, 0) != 1)
			continue;
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
		code = list_into(what, file);
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
