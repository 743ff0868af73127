/* SPDX-License-Identifier: Apache-2.0 */
/* Packets with fds: whole, cut, too many, and that none of their fds leaks. */
#include "common/packet.h"
#include "common/guard.h"
#include "common/limits.h"
#include "tests/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

GUARD_DEFINE(packet, struct packet *, packet_free)

struct pair {
	int fds[2];
};

static struct pair pair_open(void)
{
	struct pair pair = {{-1, -1}};
	CU_ASSERT_EQUAL(packet_pair(pair.fds), 0);
	return pair;
}

static void pair_close(struct pair *pair)
{
	for (int i = 0; i < 2; i++)
		if (pair->fds[i] >= 0)
			close(pair->fds[i]);
}
#define guard_pair guard(pair_close)

/* The lowest free fd: the same before and after says that nothing leaked. */
static int lowest_free(void)
{
	int fd = dup(0);
	close(fd);
	return fd;
}

static void carries_a_full_packet(void)
{
	struct pair pair guard_pair = pair_open();
	struct packet *packet guard(guard_packet) = packet_new();
	static uint8_t data[LIMIT_PACKET_BYTES];
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = i * 7;
	CU_ASSERT_EQUAL(packet_send(pair.fds[0], data, sizeof(data), NULL, 0), 0);
	CU_ASSERT_EQUAL(packet_receive(pair.fds[1], packet), 0);
	CU_ASSERT_EQUAL(packet->bytes, sizeof(data));
	CU_ASSERT_EQUAL(packet->n_fds, 0);
	CU_ASSERT(!memcmp(packet->data, data, sizeof(data)));
	CU_ASSERT_EQUAL((uintptr_t)packet->data % alignof(max_align_t), 0);
	CU_ASSERT_EQUAL(fcntl(pair.fds[0], F_GETFD), FD_CLOEXEC);
}

static void carries_fds(void)
{
	struct pair pair guard_pair = pair_open();
	struct packet *packet guard(guard_packet) = packet_new();
	int fds[LIMIT_PACKET_FDS];
	int before = lowest_free();
	for (int i = 0; i < LIMIT_PACKET_FDS; i++)
		fds[i] = i % 2 ? pair.fds[0] : pair.fds[1];
	CU_ASSERT_EQUAL(packet_send(pair.fds[0], "x", 1, fds, LIMIT_PACKET_FDS), 0);
	CU_ASSERT_EQUAL(packet_receive(pair.fds[1], packet), 0);
	CU_ASSERT_EQUAL(packet->n_fds, LIMIT_PACKET_FDS);
	int last guard_fd = packet_take_fd(packet, LIMIT_PACKET_FDS - 1);
	struct stat sent, got;
	CU_ASSERT_EQUAL(fstat(pair.fds[0], &sent), 0);
	CU_ASSERT_EQUAL(fstat(last, &got), 0);
	CU_ASSERT_EQUAL(sent.st_ino, got.st_ino);
	CU_ASSERT_EQUAL(fcntl(last, F_GETFD), FD_CLOEXEC);
	CU_ASSERT_EQUAL(packet_take_fd(packet, LIMIT_PACKET_FDS - 1), -1);
	CU_ASSERT_EQUAL(packet_take_fd(packet, LIMIT_PACKET_FDS), -1);
	CU_ASSERT_EQUAL(packet_take_fd(packet, -1), -1);
	packet_clear(packet);
	CU_ASSERT_EQUAL(fcntl(last, F_GETFD), FD_CLOEXEC); /* taken: not closed */
	close(steal_fd(last));
	CU_ASSERT_EQUAL(lowest_free(), before);
}

static void refuses_to_send(void)
{
	struct pair pair guard_pair = pair_open();
	static uint8_t data[LIMIT_PACKET_BYTES + 1];
	int fds[LIMIT_PACKET_FDS + 1] = {0};
	CU_ASSERT_EQUAL(packet_send(pair.fds[0], data, 0, NULL, 0), -EINVAL);
	CU_ASSERT_EQUAL(packet_send(pair.fds[0], data, 1, fds, -1), -EINVAL);
	CU_ASSERT_EQUAL(packet_send(pair.fds[0], data, sizeof(data), NULL, 0), -EMSGSIZE);
	CU_ASSERT_EQUAL(packet_send(pair.fds[0], data, 1, fds, LIMIT_PACKET_FDS + 1), -EMSGSIZE);
	close(pair.fds[1]);
	pair.fds[1] = -1;
	CU_ASSERT_EQUAL(packet_send(pair.fds[0], data, 1, NULL, 0), -EPIPE);
}

static void ends_with_the_stream(void)
{
	struct pair pair guard_pair = pair_open();
	struct packet *packet guard(guard_packet) = packet_new();
	CU_ASSERT_EQUAL(fcntl(pair.fds[1], F_SETFL, O_NONBLOCK), 0);
	CU_ASSERT_EQUAL(packet_receive(pair.fds[1], packet), -EAGAIN);
	CU_ASSERT_EQUAL(send(pair.fds[0], "", 0, 0), 0);
	CU_ASSERT_EQUAL(packet_receive(pair.fds[1], packet), -ECONNRESET);
	close(pair.fds[0]);
	pair.fds[0] = -1;
	CU_ASSERT_EQUAL(packet_receive(pair.fds[1], packet), -ECONNRESET);
	CU_ASSERT_EQUAL(packet->bytes, 0);
}

/* Sends past packet_send()'s limits, as a foe would. */
static int send_raw(int socket, size_t bytes, int n_fds)
{
	static uint8_t data[2 * LIMIT_PACKET_BYTES];
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int) * 253)];
	} control = {.header = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
	control.header.cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
	for (int i = 0; i < n_fds; i++)
		memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &socket, sizeof(int));
	struct iovec part = {.iov_base = data, .iov_len = bytes};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	if (n_fds) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void closes_what_it_refuses(void)
{
	struct pair pair guard_pair = pair_open();
	struct packet *packet guard(guard_packet) = packet_new();
	int before = lowest_free();
	CU_ASSERT_EQUAL(send_raw(pair.fds[0], 1, 253), 0);
	CU_ASSERT_EQUAL(packet_receive(pair.fds[1], packet), -EPROTO);
	CU_ASSERT_EQUAL(packet->n_fds, 0);
	CU_ASSERT_EQUAL(lowest_free(), before);
	CU_ASSERT_EQUAL(send_raw(pair.fds[0], LIMIT_PACKET_BYTES + 1, 5), 0);
	CU_ASSERT_EQUAL(packet_receive(pair.fds[1], packet), -EPROTO);
	CU_ASSERT_EQUAL(lowest_free(), before);
	CU_ASSERT_EQUAL(send_raw(pair.fds[0], 0, 5), 0);
	CU_ASSERT_EQUAL(packet_receive(pair.fds[1], packet), -ECONNRESET);
	CU_ASSERT_EQUAL(lowest_free(), before);
	/* fds that nobody took go with the next packet */
	CU_ASSERT_EQUAL(send_raw(pair.fds[0], 1, 3), 0);
	CU_ASSERT_EQUAL(packet_receive(pair.fds[1], packet), 0);
	CU_ASSERT_EQUAL(packet->n_fds, 3);
	CU_ASSERT_EQUAL(send_raw(pair.fds[0], 2, 0), 0);
	CU_ASSERT_EQUAL(packet_receive(pair.fds[1], packet), 0);
	CU_ASSERT_EQUAL(packet->bytes, 2);
	CU_ASSERT_EQUAL(lowest_free(), before);
}

SUITE(packet, {"carries a full packet", carries_a_full_packet}, {"carries fds", carries_fds},
      {"refuses to send", refuses_to_send}, {"ends with the stream", ends_with_the_stream},
      {"closes what it refuses", closes_what_it_refuses});
