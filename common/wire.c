/* SPDX-License-Identifier: Apache-2.0 */
/* The reader asks the kernel for the header and then for exactly the rest of that frame, never for
 * bytes of the next one: so every fd that arrives belongs to the frame being read. */
#include "common/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/guard.h"
#include "common/limits.h"

enum {
	HEADER_BYTES = 4
};

struct outgoing {
	struct outgoing *next;
	size_t bytes, sent; /* of data */
	int n_fds, first_fd;
	int *fds; /* owned from first_fd on; behind data in the same block */
	uint8_t data[];
};

struct wire {
	int socket;
	size_t max_queue_bytes, max_in_bytes;

	struct outgoing *first, **last;
	size_t queued;
	int write_error;

	uint8_t *in; /* header and body */
	size_t in_room, in_bytes;
	bool given;	/* the frame in `in` was handed out */
	int read_state; /* 0, WIRE_END or negative errno: what every later call returns */
	int *fds;
	int n_fds, next_fd;
	bool no_fds; /* none are taken */
};

struct wire *wire_new(int socket_take, size_t max_queue_bytes)
{
	guard_fd int socket = socket_take;
	struct wire *wire = calloc(1, sizeof(*wire));
	if (!wire)
		return NULL;
	wire->socket = steal_fd(socket);
	wire->max_queue_bytes = max_queue_bytes;
	wire->max_in_bytes = LIMIT_WIRE_BYTES;
	wire->last = &wire->first;
	return wire;
}

static void outgoing_free(struct outgoing *out)
{
	for (int i = out->first_fd; i < out->n_fds; i++)
		close(out->fds[i]);
	free(out);
}
GUARD_DEFINE(outgoing, struct outgoing *, outgoing_free)

static void close_fds(struct wire *wire)
{
	for (int i = wire->next_fd; i < wire->n_fds; i++)
		close(wire->fds[i]);
	wire->n_fds = wire->next_fd = 0;
}

void wire_free(struct wire *wire)
{
	if (!wire)
		return;
	for (struct outgoing *out = wire->first, *next; out; out = next) {
		next = out->next;
		outgoing_free(out);
	}
	close_fds(wire);
	guard_close(&wire->socket);
	free(wire->fds);
	free(wire->in);
	free(wire);
}

int wire_free_but_socket(struct wire *wire)
{
	int socket = steal_fd(wire->socket);
	wire_free(wire);
	return socket;
}

int wire_fd(const struct wire *wire)
{
	return wire->socket;
}

void wire_refuse_fds(struct wire *wire)
{
	wire->no_fds = true;
}

void wire_set_limit(struct wire *wire, size_t bytes)
{
	wire->max_in_bytes = bytes;
}

size_t wire_limit(const struct wire *wire)
{
	return wire->max_in_bytes;
}

size_t wire_queued(const struct wire *wire)
{
	return wire->queued;
}

/* Little endian, whatever the host is. */
static void put_length(uint8_t *at, size_t length)
{
	for (int i = 0; i < HEADER_BYTES; i++)
		at[i] = (uint8_t)(length >> 8 * i);
}

static size_t get_length(const uint8_t *at)
{
	size_t length = 0;
	for (int i = 0; i < HEADER_BYTES; i++)
		length |= (size_t)at[i] << 8 * i;
	return length;
}

/* Block: struct, then data, then (aligned) the fds. */
static int outgoing_new(const void *frame, size_t bytes, const int *fds, int n_fds,
			struct outgoing **new)
{
	size_t whole = HEADER_BYTES + bytes;
	size_t fds_at =
		(sizeof(struct outgoing) + whole + sizeof(int) - 1) / sizeof(int) * sizeof(int);
	struct outgoing *out guard(guard_outgoing) = malloc(fds_at + (size_t)n_fds * sizeof(int));
	if (!out)
		return -ENOMEM;
	*out = (struct outgoing){.bytes = whole, .fds = (int *)((char *)out + fds_at)};
	put_length(out->data, bytes);
	if (bytes)
		memcpy(out->data + HEADER_BYTES, frame, bytes);
	for (int i = 0; i < n_fds; i++) {
		int copy = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
		if (copy < 0)
			return -errno;
		out->fds[out->n_fds++] = copy;
	}
	*new = steal_ptr(out);
	return 0;
}

/* One sendmsg: up to WIRE_CALL_FDS fds on what follows; while more fds wait, only one byte goes, so
 * that each has a byte of this frame to ride on. Bytes sent or negative errno. */
static ssize_t send_some(int socket, const struct outgoing *out, int *n_fds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(WIRE_CALL_FDS * sizeof(int))];
	} control;
	int left = out->n_fds - out->first_fd;
	int n = left < WIRE_CALL_FDS ? left : WIRE_CALL_FDS;
	struct iovec piece = {
		.iov_base = (void *)(out->data + out->sent),
		.iov_len = left > n ? 1 : out->bytes - out->sent,
	};
	struct msghdr msg = {.msg_iov = &piece, .msg_iovlen = 1};
	if (n > 0) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
		memcpy(CMSG_DATA(cmsg), out->fds + out->first_fd, (size_t)n * sizeof(int));
	}
	*n_fds = n;
	ssize_t sent = sendmsg(socket, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	return sent < 0 ? -errno : sent;
}

int wire_flush(struct wire *wire)
{
	while (wire->first && !wire->write_error) {
		struct outgoing *out = wire->first;
		int n_fds;
		ssize_t sent = send_some(wire->socket, out, &n_fds);
		if (sent == -EINTR)
			continue;
		if (sent == -EAGAIN)
			break;
		if (sent < 0) {
			wire->write_error = sent == -ECONNRESET ? -EPIPE : (int)sent;
			break;
		}
		for (int i = 0; i < n_fds; i++)
			close(out->fds[out->first_fd++]);
		out->sent += (size_t)sent;
		wire->queued -= (size_t)sent;
		if (out->sent < out->bytes)
			continue;
		wire->first = out->next;
		if (!wire->first)
			wire->last = &wire->first;
		outgoing_free(out);
	}
	return wire->write_error;
}

int wire_send(struct wire *wire, const void *frame, size_t bytes, const int *fds, int n_fds)
{
	if (bytes > LIMIT_WIRE_BYTES || n_fds < 0 || n_fds > LIMIT_TARGETS ||
	    (size_t)n_fds > WIRE_CALL_FDS * (HEADER_BYTES + bytes))
		return -EMSGSIZE;
	int code = wire_flush(wire);
	if (code < 0)
		return code;
	if (wire->queued && wire->queued + HEADER_BYTES + bytes > wire->max_queue_bytes)
		return -ENOBUFS;
	struct outgoing *out = NULL;
	code = outgoing_new(frame, bytes, fds, n_fds, &out);
	if (code < 0)
		return code;
	*wire->last = out;
	wire->last = &out->next;
	wire->queued += out->bytes;
	return wire_flush(wire);
}

static int keep_fds(struct wire *wire, const int *fds, int n)
{
	int *grown = NULL;
	if (wire->n_fds + n <= LIMIT_TARGETS)
		grown = realloc(wire->fds, (size_t)(wire->n_fds + n) * sizeof(*grown));
	if (!grown) {
		for (int i = 0; i < n; i++)
			close(fds[i]);
		return -EPROTO;
	}
	wire->fds = grown;
	memcpy(wire->fds + wire->n_fds, fds, (size_t)n * sizeof(*fds));
	wire->n_fds += n;
	return 0;
}

/* All fds of the message are kept or closed, whatever else is wrong with it. */
static int take_control(struct wire *wire, struct msghdr *msg)
{
	int code = msg->msg_flags & MSG_CTRUNC ? -EPROTO : 0;
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		int fds[WIRE_CALL_FDS];
		size_t bytes = cmsg->cmsg_len - CMSG_LEN(0);
		memcpy(fds, CMSG_DATA(cmsg), bytes);
		int kept = keep_fds(wire, fds, (int)(bytes / sizeof(int)));
		code = code ? code : kept;
	}
	return code;
}

/* Bytes that can be read next without an fd among them; 0: the end; negative errno, -EOPNOTSUPP:
 * fds have come with them, or with what is next (Linux looks one further), and stay where they are.
 */
static ssize_t look(int socket, size_t most)
{
	uint8_t bytes[16 << 10];
	struct iovec piece = {.iov_base = bytes,
			      .iov_len = most < sizeof(bytes) ? most : sizeof(bytes)};
	struct msghdr msg = {.msg_iov = &piece, .msg_iovlen = 1};
	ssize_t got;
	do
		got = recvmsg(socket, &msg, MSG_DONTWAIT | MSG_PEEK);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	return msg.msg_flags & MSG_CTRUNC ? -EOPNOTSUPP : got;
}

bool wire_drain(int socket)
{
	uint8_t bytes[16 << 10];
	ssize_t n;
	shutdown(socket, SHUT_RDWR);
	while ((n = look(socket, sizeof(bytes))) > 0)
		if (recv(socket, bytes, (size_t)n, MSG_DONTWAIT) != n)
			break;
	return n != -EOPNOTSUPP;
}

/* Reads until `in` holds `want` bytes. 0; WIRE_AGAIN; WIRE_END; negative errno. */
static int fill(struct wire *wire, size_t want)
{
	while (wire->in_bytes < want) {
		union {
			struct cmsghdr align;
			char space[CMSG_SPACE(WIRE_CALL_FDS * sizeof(int))];
		} control;
		ssize_t next = (ssize_t)(want - wire->in_bytes);
		if (wire->no_fds && (next = look(wire->socket, (size_t)next)) < 0)
			return next == -EAGAIN ? WIRE_AGAIN : (int)next;
		struct iovec piece = {
			.iov_base = wire->in + wire->in_bytes,
			.iov_len = (size_t)next,
		};
		struct msghdr msg = {
			.msg_iov = &piece,
			.msg_iovlen = 1,
			.msg_control = wire->no_fds ? NULL : &control,
			.msg_controllen = wire->no_fds ? 0 : sizeof(control),
		};
		ssize_t got = recvmsg(wire->socket, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? WIRE_AGAIN : -errno;
		int code = wire->no_fds ? 0 : take_control(wire, &msg);
		if (code < 0)
			return code;
		if (got == 0)
			return wire->in_bytes ? -EPROTO : WIRE_END;
		wire->in_bytes += (size_t)got;
	}
	return 0;
}

static int make_room(struct wire *wire, size_t bytes)
{
	if (bytes <= wire->in_room)
		return 0;
	uint8_t *grown = realloc(wire->in, bytes);
	if (!grown)
		return -ENOMEM;
	wire->in = grown;
	wire->in_room = bytes;
	return 0;
}

/* The next frame into `in`. 0; WIRE_AGAIN; WIRE_END; negative errno. */
static int read_frame(struct wire *wire)
{
	int code = make_room(wire, HEADER_BYTES);
	if (!code)
		code = fill(wire, HEADER_BYTES);
	if (code)
		return code;
	size_t length = get_length(wire->in);
	if (length > wire->max_in_bytes)
		return -EPROTO;
	code = make_room(wire, HEADER_BYTES + length);
	return code ? code : fill(wire, HEADER_BYTES + length);
}

int wire_receive(struct wire *wire, const uint8_t **frame, size_t *bytes)
{
	if (wire->given) {
		close_fds(wire);
		wire->in_bytes = 0;
		wire->given = false;
	}
	if (wire->read_state)
		return wire->read_state;
	int code = read_frame(wire);
	if (code == WIRE_AGAIN)
		return code;
	if (code) {
		close_fds(wire);
		return wire->read_state = code;
	}
	wire->given = true;
	*frame = wire->in + HEADER_BYTES;
	*bytes = wire->in_bytes - HEADER_BYTES;
	return WIRE_FRAME;
}

int wire_take_fd(struct wire *wire)
{
	if (!wire->given || wire->next_fd == wire->n_fds)
		return -1;
	return wire->fds[wire->next_fd++];
}
