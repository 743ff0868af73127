/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/guard.h"
#include "common/procfs.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

/* The kernel's limit (NGROUPS_MAX). */
enum {
	GROUPS_MAX = 65536
};

static int read_groups(int socket, struct peer *peer)
{
	socklen_t bytes = 0;
	if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, NULL, &bytes) == 0 || bytes == 0)
		return 0; /* none */
	if (errno != ERANGE)
		return -errno;
	if (bytes > GROUPS_MAX * sizeof(gid_t))
		return -E2BIG;
	gid_t *groups guard_mem = malloc(bytes);
	if (!groups)
		return -ENOMEM;
	/* They are of the connect(): no more can have come since. */
	if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups, &bytes) < 0)
		return -errno;
	peer->groups = steal_ptr(groups);
	peer->n_groups = (uint32_t)(bytes / sizeof(gid_t));
	return 0;
}

static bool is_alive(int pidfd)
{
	struct pollfd ended = {.fd = pidfd, .events = POLLIN};
	return pidfd >= 0 && poll(&ended, 1, 0) == 0;
}

/* Before 6.5 the process is named by a number that may be another's by now: of the same uid at
 * least, or it says nothing of the client. */
static int open_by_number(const struct peer *peer)
{
	char path[64];
	struct stat process;
	int pidfd guard_fd = peer->pid > 0 ? pidfd_open(peer->pid, 0) : -1;
	snprintf(path, sizeof(path), "/proc/%d", peer->pid);
	if (stat(path, &process) || process.st_uid != peer->uid)
		return -1;
	return steal_fd(pidfd);
}

static int open_pidfd(int socket, const struct peer *peer)
{
	int pidfd = -1;
	socklen_t bytes = sizeof(pidfd);
	if (getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &bytes) == 0)
		return pidfd;
	return errno == ENOPROTOOPT ? open_by_number(peer) : -1;
}

/* By what users are called there, not by the namespace itself: the kernel shows that when the
 * process lets it (procfs.h). */
static bool shares_namespace(const struct peer *peer)
{
	return peer->pid > 0 && procfs_shares_users((uint32_t)peer->pid) && is_alive(peer->pidfd);
}

int peer_read(int socket, struct peer *peer, struct err *err)
{
	struct ucred credentials;
	socklen_t bytes = sizeof(credentials);
	if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &bytes) < 0)
		return err_set(err, -errno, ERR_FAILED, "cannot see who asks: %s", strerror(errno));
	struct peer read = {.uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid};
	int code = read_groups(socket, &read);
	if (code)
		return err_set(err, code, ERR_FAILED, "cannot see the groups of who asks: %s",
			       strerror(-code));
	read.pidfd = open_pidfd(socket, &read);
	read.foreign = !shares_namespace(&read);
	*peer = read;
	return 0;
}

void peer_deinit(struct peer *peer)
{
	free(peer->groups);
	if (peer->pidfd >= 0)
		close(peer->pidfd);
	*peer = (struct peer){.pidfd = -1};
}

bool peer_is_member(const struct peer *peer, gid_t gid)
{
	for (uint32_t i = 0; i < peer->n_groups; i++)
		if (peer->groups[i] == gid)
			return true;
	return peer->gid == gid;
}
