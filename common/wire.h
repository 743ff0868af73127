/* SPDX-License-Identifier: Apache-2.0 */
/* Frames between client and engine on a stream socket: u32 length (little endian), then that many
 * bytes, one protobuf `Message` of common/protocol.proto, at most LIMIT_WIRE_BYTES. Fds ride on the
 * first bytes of the frame that names them, WIRE_CALL_FDS a byte. The reader takes any cut of the
 * stream; the writer queues, bounded, and never blocks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kernel passes at most this many in one call (SCM_MAX_FD). */
enum {
	WIRE_CALL_FDS = 253
};

struct wire;

/* Takes the socket (no call here ever blocks on it). `max_queue_bytes`: more waiting than this
 * makes wire_send fail. NULL: out of memory, and the socket is closed. */
struct wire *wire_new(int socket_take, size_t max_queue_bytes);
void wire_free(struct wire *wire);
int wire_fd(const struct wire *wire);
/* The peer's fds are not taken any more: a frame with some is -EOPNOTSUPP, and they stay in the
 * socket. To close one, or to have the kernel drop it, can hang: where its file system is another
 * user's (FUSE), or a socket lingers (SO_LINGER). */
void wire_refuse_fds(struct wire *wire);
/* Frames of more bytes than this are refused when they come; LIMIT_WIRE_BYTES without it. */
void wire_set_limit(struct wire *wire, size_t bytes);
size_t wire_limit(const struct wire *wire);
/* Ends the connection and reads what has come, unless fds are there. False: they are, and whoever
 * closes the socket last may hang. */
bool wire_drain(int socket);
/* As wire_free(), but the socket is the caller's from now on. */
int wire_free_but_socket(struct wire *wire);

/* Queues one frame and tries to write; the fds are duplicated. -ENOBUFS: the peer reads too slowly
 * (nothing was queued; a single frame is always taken when none waits); -EMSGSIZE: beyond
 * LIMIT_WIRE_BYTES or LIMIT_TARGETS fds; -EPIPE: it is gone, and every later call says so too. */
int wire_send(struct wire *wire, const void *frame, size_t bytes, const int *fds, int n_fds);
size_t wire_queued(const struct wire *wire);
/* Writes what it can; 0 done or more to come (wire_queued()), negative errno: the peer is gone. */
int wire_flush(struct wire *wire);

enum wire_result {
	WIRE_FRAME = 1, /* *frame points into the wire until the next call */
	WIRE_AGAIN,	/* nothing whole yet */
	WIRE_END,	/* the peer closed between frames */
};
/* Reads what is there and gives one frame. Negative errno: -EPROTO (length beyond the limit, more
 * than LIMIT_TARGETS fds, end inside a frame) or the socket's error: close it. A failed or ended
 * stream stays so. Frames that arrived before the peer closed are still given. */
int wire_receive(struct wire *wire, const uint8_t **frame, size_t *bytes);
/* Takes the next fd, in the sender's order, of the frame given last; -1: no more. The next
 * wire_receive() closes those not taken, so that no frame gets another one's. */
int wire_take_fd(struct wire *wire);
