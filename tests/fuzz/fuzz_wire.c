/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what a peer sends, in any cut, with fds on any of them. A message that is read must
 * survive being sent and received again. The first byte of the input is the size of the cuts. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/message.h"
#include "common/protocol.pb-c.h"
#include "common/wire.h"

enum {
	INPUT_MOST = 64 << 10 /* what a socket holds without a reader */
};

static void require(int condition)
{
	if (!condition)
		abort();
}

static struct wire *pair(int *raw)
{
	int fds[2];
	require(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
	*raw = fds[1];
	return wire_new(fds[0], 1 << 20);
}

/* One to 253 fds on a piece whose first byte asks for them. */
static void send_piece(int raw, const uint8_t *data, size_t bytes)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(WIRE_CALL_FDS * sizeof(int))];
	} control = {0};
	struct iovec piece = {.iov_base = (void *)data, .iov_len = bytes};
	struct msghdr msg = {.msg_iov = &piece, .msg_iovlen = 1};
	size_t n_fds = data[0] % 16 == 9 ? (data[0] >> 4) * 16 + 1 : 0;
	if (n_fds) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		int *fds = (int *)CMSG_DATA(cmsg);
		for (size_t i = 0; i < n_fds; i++)
			fds[i] = raw;
	}
	require(sendmsg(raw, &msg, MSG_NOSIGNAL) == (ssize_t)bytes);
}

/* The library does not keep every tag of fields that it does not know. */
static int all_known(const Probe__Message *message)
{
	const ProtobufCMessage *kind = (void *)message->hello; /* each kind begins so */
	return !message->base.n_unknown_fields &&
	       (message->kind_case == PROBE__MESSAGE__KIND__NOT_SET || !kind->n_unknown_fields);
}

static void same_when_sent_again(const Probe__Message *message)
{
	int raw;
	struct wire *from = pair(&raw);
	struct wire *to = wire_new(raw, 1 << 20);
	size_t bytes = probe__message__get_packed_size(message);
	uint8_t *first = malloc(2 * bytes + 1), *second = first + bytes;
	probe__message__pack(message, first);
	require(!message_send(from, message, NULL, 0));
	Probe__Message *again;
	require(message_receive(to, &again) == WIRE_FRAME);
	require(probe__message__get_packed_size(again) == bytes);
	probe__message__pack(again, second);
	require(!memcmp(first, second, bytes));
	message_free(again);
	free(first);
	wire_free(from);
	wire_free(to);
}

/* 0 while more may come. */
static int read_all(struct wire *wire)
{
	for (;;) {
		Probe__Message *message;
		int got = message_receive(wire, &message);
		if (got == WIRE_AGAIN)
			return 0;
		if (got != WIRE_FRAME)
			return 1;
		int fd = wire_take_fd(wire);
		if (fd >= 0)
			close(fd);
		if (all_known(message))
			same_when_sent_again(message);
		message_free(message);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (bytes < 2 || bytes > INPUT_MOST)
		return 0;
	size_t cut = data[0] ? data[0] : bytes;
	int raw;
	struct wire *wire = pair(&raw);
	int over = 0;
	for (size_t at = 1; at < bytes && !over; at += cut) {
		send_piece(raw, data + at, bytes - at < cut ? bytes - at : cut);
		over = read_all(wire);
	}
	close(raw);
	if (!over)
		read_all(wire);
	wire_free(wire);
	return 0;
}
