/* SPDX-License-Identifier: Apache-2.0 */
#include "common/packet.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Control data of one packet; the union aligns it for a cmsghdr. */
union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int) * LIMIT_PACKET_FDS)];
};

struct packet *packet_new(void)
{
	struct packet *packet = malloc(sizeof(*packet));
	if (!packet)
		return NULL;
	packet->bytes = 0;
	packet->n_fds = 0;
	return packet;
}

void packet_free(struct packet *packet)
{
	if (!packet)
		return;
	packet_clear(packet);
	free(packet);
}

void packet_clear(struct packet *packet)
{
	for (int i = 0; i < packet->n_fds; i++)
		if (packet->fds[i] >= 0)
			close(packet->fds[i]);
	packet->bytes = 0;
	packet->n_fds = 0;
}

int packet_take_fd(struct packet *packet, int i)
{
	if (i < 0 || i >= packet->n_fds)
		return -1;
	int fd = packet->fds[i];
	packet->fds[i] = -1;
	return fd;
}

int packet_pair(int fds[2])
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	/* The kernel refuses a message longer than the buffer, and an administrator may have made
	 * the default small. */
	int bytes = 4 * LIMIT_PACKET_BYTES;
	for (int i = 0; i < 2; i++)
		setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	fds[0] = pair[0];
	fds[1] = pair[1];
	return 0;
}

int packet_send(int socket, const void *data, size_t bytes, const int *fds, int n_fds)
{
	if (bytes == 0 || n_fds < 0)
		return -EINVAL;
	if (bytes > LIMIT_PACKET_BYTES || n_fds > LIMIT_PACKET_FDS)
		return -EMSGSIZE;
	struct iovec part = {.iov_base = (void *)data, .iov_len = bytes};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	union control control;
	if (n_fds) {
		memset(&control, 0, sizeof(control));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		struct cmsghdr *header = &control.header;
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(header), fds, sizeof(int) * n_fds);
	}
	ssize_t sent;
	do
		sent = sendmsg(socket, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

/* Puts the fds that came with `message` into the packet, so that they are closed or taken. */
static void collect_fds(struct packet *packet, struct msghdr *message)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(message); h; h = CMSG_NXTHDR(message, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(int));
			if (packet->n_fds < LIMIT_PACKET_FDS)
				packet->fds[packet->n_fds++] = fd;
			else
				close(fd);
		}
	}
}

int packet_receive(int socket, struct packet *packet)
{
	packet_clear(packet);
	struct iovec part = {.iov_base = packet->data, .iov_len = sizeof(packet->data)};
	union control control;
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	ssize_t received;
	do
		received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (received < 0 && errno == EINTR);
	if (received < 0)
		return -errno;
	collect_fds(packet, &message);
	if (received == 0 || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		/* There is room for all of them: what is missing the process may not open. */
		bool no_room = packet->n_fds < LIMIT_PACKET_FDS && message.msg_flags & MSG_CTRUNC;
		packet_clear(packet);
		return received == 0 ? -ECONNRESET : no_room ? -EMFILE : -EPROTO;
	}
	packet->bytes = received;
	return 0;
}
