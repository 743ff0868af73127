/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/limits.h"
#include "tests/unit.h"

static int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void pair(struct wire **wire, int *raw)
{
	int fds[2];
	CU_ASSERT_FATAL(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
	*wire = wire_new(fds[0], 1 << 20);
	CU_ASSERT_PTR_NOT_NULL_FATAL(*wire);
	*raw = fds[1];
}

static void wires(struct wire **a, struct wire **b, size_t max_queue_bytes)
{
	int fds[2];
	CU_ASSERT_FATAL(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
	*a = wire_new(fds[0], max_queue_bytes);
	*b = wire_new(fds[1], max_queue_bytes);
	CU_ASSERT_FATAL(*a && *b);
}

static void cut_at_every_byte(void)
{
	static const char stream[] = "\3\0\0\0abc\0\0\0\0\1\0\0\0z";
	const size_t whole = sizeof(stream) - 1;
	for (size_t cut = 0; cut <= whole; cut++) {
		struct wire *wire;
		int raw;
		pair(&wire, &raw);
		int frames = 0;
		const char *words[] = {"abc", "", "z"};
		for (int half = 0; half < 2; half++) {
			size_t from = half ? cut : 0, n = half ? whole - cut : cut;
			CU_ASSERT_EQUAL(write(raw, stream + from, n), (ssize_t)n);
			const uint8_t *frame;
			size_t bytes;
			while (wire_receive(wire, &frame, &bytes) == WIRE_FRAME) {
				CU_ASSERT_FATAL(frames < 3);
				CU_ASSERT_EQUAL(bytes, strlen(words[frames]));
				CU_ASSERT(!memcmp(frame, words[frames], bytes));
				frames++;
			}
		}
		CU_ASSERT_EQUAL(frames, 3);
		close(raw);
		wire_free(wire);
	}
}

static void end_inside_and_between(void)
{
	static const char stream[] = "\3\0\0\0abc";
	for (size_t cut = 0; cut < sizeof(stream); cut++) {
		struct wire *wire;
		int raw;
		pair(&wire, &raw);
		CU_ASSERT_EQUAL(write(raw, stream, cut), (ssize_t)cut);
		close(raw);
		const uint8_t *frame;
		size_t bytes;
		int code = wire_receive(wire, &frame, &bytes);
		if (cut == sizeof(stream) - 1) {
			CU_ASSERT_EQUAL(code, WIRE_FRAME);
			code = wire_receive(wire, &frame, &bytes);
		}
		int expected = cut && cut < sizeof(stream) - 1 ? -EPROTO : WIRE_END;
		CU_ASSERT_EQUAL(code, expected);
		CU_ASSERT_EQUAL(wire_receive(wire, &frame, &bytes), expected);
		wire_free(wire);
	}
}

static void giant_length(void)
{
	const uint8_t lengths[][4] = {{0xff, 0xff, 0xff, 0xff}, {1, 0, 0x10, 0}};
	for (int i = 0; i < 2; i++) {
		struct wire *wire;
		int raw;
		pair(&wire, &raw);
		CU_ASSERT_EQUAL(write(raw, lengths[i], 4), 4);
		const uint8_t *frame;
		size_t bytes;
		CU_ASSERT_EQUAL(wire_receive(wire, &frame, &bytes), -EPROTO);
		CU_ASSERT_EQUAL(write(raw, "\0\0\0\0", 4), 4);
		CU_ASSERT_EQUAL(wire_receive(wire, &frame, &bytes), -EPROTO);
		close(raw);
		wire_free(wire);
	}
}

static void largest_frame(void)
{
	struct wire *a, *b;
	wires(&a, &b, 1024);
	uint8_t *big = malloc(LIMIT_WIRE_BYTES + 1);
	for (size_t i = 0; i < LIMIT_WIRE_BYTES; i++)
		big[i] = (uint8_t)(i * 31 >> 3);
	CU_ASSERT_EQUAL(wire_send(a, big, LIMIT_WIRE_BYTES + 1, NULL, 0), -EMSGSIZE);
	CU_ASSERT_EQUAL(wire_send(a, big, LIMIT_WIRE_BYTES, NULL, 0), 0);
	CU_ASSERT(wire_queued(a) > 0); /* more than a socket holds */
	const uint8_t *frame;
	size_t bytes = 0;
	int code;
	while ((code = wire_receive(b, &frame, &bytes)) == WIRE_AGAIN)
		CU_ASSERT_EQUAL_FATAL(wire_flush(a), 0);
	CU_ASSERT_EQUAL_FATAL(code, WIRE_FRAME);
	CU_ASSERT_EQUAL_FATAL(bytes, LIMIT_WIRE_BYTES);
	CU_ASSERT(!memcmp(frame, big, bytes));
	CU_ASSERT_EQUAL(wire_queued(a), 0);
	free(big);
	wire_free(a);
	wire_free(b);
}

static void slow_reader(void)
{
	struct wire *a, *b;
	wires(&a, &b, 100000);
	char frame[1000];
	int sent = 0, code;
	for (;; sent++) {
		memset(frame, sent & 0x7f, sizeof(frame));
		code = wire_send(a, frame, sizeof(frame), NULL, 0);
		if (code < 0)
			break;
		CU_ASSERT_FATAL(sent < 100000);
	}
	CU_ASSERT_EQUAL(code, -ENOBUFS);
	CU_ASSERT(wire_queued(a) <= 100000);
	/* What was accepted still arrives, whole and in order. */
	const uint8_t *got;
	size_t bytes;
	int n = 0;
	while (n < sent) {
		code = wire_receive(b, &got, &bytes);
		if (code == WIRE_AGAIN)
			CU_ASSERT_EQUAL_FATAL(wire_flush(a), 0);
		if (code != WIRE_FRAME)
			continue;
		CU_ASSERT_EQUAL_FATAL(bytes, sizeof(frame));
		CU_ASSERT_FATAL(got[0] == (n & 0x7f) && got[999] == (n & 0x7f));
		n++;
	}
	CU_ASSERT_EQUAL(wire_receive(b, &got, &bytes), WIRE_AGAIN);
	CU_ASSERT_EQUAL(wire_send(a, frame, sizeof(frame), NULL, 0), 0);
	wire_free(a);
	wire_free(b);
}

static void gone_peer(void)
{
	struct wire *a, *b;
	wires(&a, &b, 1000);
	CU_ASSERT_EQUAL(wire_send(b, "bye", 3, NULL, 0), 0);
	wire_free(b);
	CU_ASSERT_EQUAL(wire_send(a, "x", 1, NULL, 0), -EPIPE);
	CU_ASSERT_EQUAL(wire_flush(a), -EPIPE);
	/* Its last words are still read. */
	const uint8_t *frame;
	size_t bytes;
	CU_ASSERT_EQUAL(wire_receive(a, &frame, &bytes), WIRE_FRAME);
	CU_ASSERT_EQUAL(wire_receive(a, &frame, &bytes), WIRE_END);
	wire_free(a);
}

/* Two fds in turns: the order is seen in their inodes. */
static ino_t inode(int fd)
{
	struct stat st;
	CU_ASSERT_FATAL(!fstat(fd, &st));
	return st.st_ino;
}

static void take_all(struct wire *wire, int n, const ino_t *inodes)
{
	for (int i = 0; i < n; i++) {
		int fd = wire_take_fd(wire);
		CU_ASSERT_FATAL(fd >= 0);
		CU_ASSERT_EQUAL(inode(fd), inodes[i % 7 == 3]);
		CU_ASSERT_EQUAL(fcntl(fd, F_GETFD), FD_CLOEXEC);
		close(fd);
	}
	CU_ASSERT_EQUAL(wire_take_fd(wire), -1);
}

static void fds_by_the_hundred(void)
{
	int before = open_fds();
	int ends[2];
	CU_ASSERT_FATAL(!pipe2(ends, O_CLOEXEC));
	int other = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const ino_t inodes[2] = {inode(ends[0]), inode(other)};
	const int counts[] = {1, 2, 253, 254, 300};
	for (int c = 0; c < 5; c++) {
		int fds[300];
		for (int i = 0; i < counts[c]; i++)
			fds[i] = i % 7 == 3 ? other : ends[0];
		struct wire *a, *b;
		wires(&a, &b, 1 << 20);
		const uint8_t *frame;
		size_t bytes;
		CU_ASSERT_EQUAL(wire_send(a, "first", 5, NULL, 0), 0);
		CU_ASSERT_EQUAL(wire_send(a, "fds", 3, fds, counts[c]), 0);
		CU_ASSERT_EQUAL(wire_send(a, "last", 4, fds, 1), 0);
		CU_ASSERT_EQUAL(wire_receive(b, &frame, &bytes), WIRE_FRAME);
		CU_ASSERT_EQUAL(wire_take_fd(b), -1); /* those of the next frame are not its own */
		CU_ASSERT_EQUAL(wire_receive(b, &frame, &bytes), WIRE_FRAME);
		CU_ASSERT(bytes == 3 && !memcmp(frame, "fds", 3));
		take_all(b, counts[c], inodes);
		CU_ASSERT_EQUAL(wire_receive(b, &frame, &bytes), WIRE_FRAME);
		wire_free(a); /* the last frame's fd is not taken: the wire closes it */
		wire_free(b);
	}
	close(ends[0]);
	close(ends[1]);
	close(other);
	CU_ASSERT_EQUAL(open_fds(), before);
}

static void fds_not_taken(void)
{
	int before = open_fds();
	struct wire *a, *b;
	wires(&a, &b, 1 << 20);
	const int fds[3] = {0, 0, 0};
	CU_ASSERT_EQUAL(wire_send(a, "one", 3, fds, 3), 0);
	CU_ASSERT_EQUAL(wire_send(a, "two", 3, fds, 2), 0);
	const uint8_t *frame;
	size_t bytes;
	CU_ASSERT_EQUAL(wire_receive(b, &frame, &bytes), WIRE_FRAME);
	CU_ASSERT_EQUAL(wire_receive(b, &frame, &bytes), WIRE_FRAME);
	close(wire_take_fd(b));
	close(wire_take_fd(b));
	CU_ASSERT_EQUAL(wire_take_fd(b), -1);
	CU_ASSERT_EQUAL(wire_send(a, "bad", 3, (const int[]){-1}, 1), -EBADF);
	CU_ASSERT_EQUAL(wire_queued(a), 0);
	wire_free(a);
	wire_free(b);
	CU_ASSERT_EQUAL(open_fds(), before);
}

static void send_raw(int socket, const void *data, size_t bytes, int n_fds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(WIRE_CALL_FDS * sizeof(int))];
	} control = {0};
	struct iovec piece = {.iov_base = (void *)data, .iov_len = bytes};
	struct msghdr msg = {.msg_iov = &piece,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = CMSG_SPACE((size_t)n_fds * sizeof(int))};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN((size_t)n_fds * sizeof(int)); /* all of them fd 0 */
	CU_ASSERT_EQUAL(sendmsg(socket, &msg, 0), (ssize_t)bytes);
}

/* A peer that hides fds in every byte of a frame: the limit ends it, and nothing stays open. */
static void too_many_fds(void)
{
	struct wire *wire;
	int raw;
	pair(&wire, &raw);
	int before = open_fds();
	CU_ASSERT_EQUAL(write(raw, "\100\0\0\0", 4), 4);
	const uint8_t *frame;
	size_t bytes;
	int code = WIRE_AGAIN, sent = 0;
	for (; code == WIRE_AGAIN && sent < 64; sent++) {
		send_raw(raw, "x", 1, 200);
		code = wire_receive(wire, &frame, &bytes);
	}
	CU_ASSERT_EQUAL(code, -EPROTO);
	CU_ASSERT_EQUAL(sent, LIMIT_TARGETS / 200 + 1);
	CU_ASSERT_EQUAL(open_fds(), before);
	close(raw);
	wire_free(wire);
}

/* They, and what came with them, stay in the socket: neither this process nor the kernel on its
 * behalf closes one. */
static void refuses_fds(void)
{
	struct wire *from, *to;
	wires(&from, &to, 1 << 20);
	wire_refuse_fds(to);
	int ends[2];
	const uint8_t *frame;
	size_t bytes;
	CU_ASSERT_EQUAL(pipe(ends), 0);
	struct pollfd dropped = {.fd = ends[0]};
	CU_ASSERT_EQUAL(wire_send(from, "abc", 3, NULL, 0), 0);
	CU_ASSERT_EQUAL(wire_receive(to, &frame, &bytes), WIRE_FRAME);
	CU_ASSERT_EQUAL(bytes, 3);
	CU_ASSERT_EQUAL(wire_receive(to, &frame, &bytes), WIRE_AGAIN);
	CU_ASSERT_EQUAL(wire_send(from, "defg", 4, &ends[1], 1), 0);
	close(ends[1]);
	CU_ASSERT_EQUAL(wire_receive(to, &frame, &bytes), -EOPNOTSUPP);
	CU_ASSERT_EQUAL(wire_receive(to, &frame, &bytes), -EOPNOTSUPP);
	int socket = wire_free_but_socket(to);
	CU_ASSERT(!wire_drain(socket));
	CU_ASSERT(!wire_drain(socket));
	CU_ASSERT_EQUAL(poll(&dropped, 1, 0), 0); /* the pipe's other end is open still */
	CU_ASSERT_EQUAL(wire_send(from, "h", 1, NULL, 0), -EPIPE);
	close(socket);
	CU_ASSERT_EQUAL(poll(&dropped, 1, 0), 1);
	close(ends[0]);
	wire_free(from);
}

/* Without fds all is taken out, and the other side sees an end, not an error. */
static void drains(void)
{
	struct wire *from, *to;
	uint8_t frame[100000] = {0};
	char byte;
	wires(&from, &to, 1 << 20);
	CU_ASSERT_EQUAL(wire_send(from, frame, sizeof(frame), NULL, 0), 0);
	int socket = wire_free_but_socket(to);
	CU_ASSERT(wire_drain(socket));
	close(socket);
	CU_ASSERT_EQUAL(recv(wire_fd(from), &byte, 1, 0), 0);
	wire_free(from);
}

SUITE(wire, {"refuses fds", refuses_fds}, {"drains", drains},
      {"cut at every byte", cut_at_every_byte},
      {"end inside and between frames", end_inside_and_between}, {"giant length", giant_length},
      {"largest frame", largest_frame}, {"slow reader", slow_reader}, {"gone peer", gone_peer},
      {"fds by the hundred", fds_by_the_hundred}, {"fds not taken", fds_not_taken},
      {"too many fds", too_many_fds});
