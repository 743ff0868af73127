/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded messages with file descriptors between our own processes (broker, engine, workers):
 * SOCK_SEQPACKET, one packet a message, at most LIMIT_PACKET_BYTES and LIMIT_PACKET_FDS.
 * Fds arrive close-on-exec; a packet that was cut or brings more fds than fit is -EPROTO, and its
 * fds are closed. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "common/limits.h"

struct packet {
	size_t bytes;
	int n_fds;
	int fds[LIMIT_PACKET_FDS]; /* owned: packet_clear() closes those not taken; -1: taken */
	uint8_t data[LIMIT_PACKET_BYTES] __attribute__((aligned(16))); /* for any struct */
};

/* A packet is 64 KiB: heap or static, not stack. NULL: no memory. */
struct packet *packet_new(void);
void packet_free(struct packet *packet);
/* Closes the fds still held and empties it. */
void packet_clear(struct packet *packet);
/* Transfers fd number i; -1 when there is none. */
int packet_take_fd(struct packet *packet, int i);

/* A connected pair, close-on-exec, with send buffers that hold a full packet. */
int packet_pair(int fds[2]);
/* Sends 1 to LIMIT_PACKET_BYTES bytes; the fds stay the caller's. Blocks unless the socket does
 * not. -EMSGSIZE: too much of either; -EAGAIN, -EPIPE … (no SIGPIPE). */
int packet_send(int socket, const void *data, size_t bytes, const int *fds, int n_fds);
/* Receives one packet into `packet` (cleared first). 0; -ECONNRESET at the end of the stream (an
 * empty packet counts as one); -EPROTO; -EMFILE: the process has no room for the fds that came
 * (they are gone); -EAGAIN where the socket does not block. */
int packet_receive(int socket, struct packet *packet);
