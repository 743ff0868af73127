/* SPDX-License-Identifier: Apache-2.0 */
/* Frames between client and engine on a stream socket: u32 length (little endian), then that many
 * bytes, one protobuf `Message` of common/protocol.proto, at most LIMIT_WIRE_BYTES. Fds ride on the
 * first byte of the frame that names them. The reader takes any cut of the stream; the writer
 * queues, bounded, and never blocks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire;

/* Takes the (non-blocking) socket. `max_queue_bytes`: more waiting than this makes wire_send fail.
 */
struct wire *wire_new(int socket_take, size_t max_queue_bytes);
void wire_free(struct wire *wire);
int wire_fd(const struct wire *wire);

/* Queues one frame and tries to write; the fds are duplicated. -ENOBUFS: the peer reads too slowly;
 * -EPIPE: it is gone. */
int wire_send(struct wire *wire, const void *frame, size_t bytes, const int *fds, int n_fds);
size_t wire_queued(const struct wire *wire);
/* Writes what it can; 0 done or more to come (wire_queued()), negative errno: the peer is gone. */
int wire_flush(struct wire *wire);

enum wire_result {
	WIRE_FRAME = 1, /* *frame points into the wire until the next call */
	WIRE_AGAIN,	/* nothing whole yet */
	WIRE_END,	/* the peer closed between frames */
};
/* Reads what is there and gives one frame. Negative errno: -EPROTO (length beyond the limit, too
 * many fds, end inside a frame) or the socket's error: close it. */
int wire_receive(struct wire *wire, const uint8_t **frame, size_t *bytes);
/* Takes the oldest fd that came with the frames read so far, -1: none. */
int wire_take_fd(struct wire *wire);
