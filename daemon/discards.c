/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/discards.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/guard.h"
#include "daemon/bounded.h"

enum {
	HOLD_MS = 2000, /* for a child to begin */
};

/* Its place; NULL: all are taken by those that do not end. */
static int *find_place(struct discards *discards)
{
	int *place = NULL;
	for (int i = 0; i < DISCARDS_CHILDREN; i++) {
		struct pollfd ended = {.fd = discards->children[i], .events = POLLIN};
		if (discards->children[i] && poll(&ended, 1, 0) > 0) {
			close(discards->children[i]);
			discards->children[i] = 0;
		}
		if (!discards->children[i])
			place = &discards->children[i];
	}
	return place;
}

static _Noreturn void hold(int engine, int socket, const int32_t *fds, uint32_t n)
{
	char done = 0;
	bounded_keep_only(engine, socket);
	for (uint32_t i = 0; i < n; i++)
		if (pidfd_getfd(engine, fds[i], 0) < 0)
			_exit(EXIT_FAILURE);
	if (write(socket, &done, 1) == 1)
		(void)!read(socket, &done, 1);
	/* Not by closing: who ends does not wait for what lingers. */
	_exit(EXIT_SUCCESS);
}

static bool has_begun(int socket)
{
	char done;
	struct pollfd begun = {.fd = socket, .events = POLLIN};
	return poll(&begun, 1, HOLD_MS) > 0 && read(socket, &done, 1) == 1;
}

int discards_begin(struct discards *discards, const int32_t *fds, uint32_t n)
{
	int pair[2];
	discards_end(discards);
	int *place = find_place(discards);
	if (!place)
		return -EBUSY;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	int ours guard_fd = pair[0];
	int theirs guard_fd = pair[1];
	pid_t child = fork();
	if (child < 0)
		return -errno;
	if (child == 0)
		hold(discards->engine, theirs, fds, n);
	guard_close(&theirs);
	int end = pidfd_open(child, 0);
	*place = end < 0 ? 0 : end;
	if (!has_begun(ours)) {
		if (end >= 0)
			pidfd_send_signal(end, SIGKILL, NULL, 0);
		return -EIO;
	}
	discards->holding = steal_fd(ours);
	return 0;
}

void discards_end(struct discards *discards)
{
	if (discards->holding)
		close(discards->holding);
	discards->holding = 0;
}
