/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded messages with file descriptors between our own processes (broker, engine, workers):
 * SOCK_SEQPACKET, one packet a message, at most LIMIT_PACKET_BYTES and LIMIT_PACKET_FDS.
 * Fds travel with MSG_CMSG_CLOEXEC; a packet that was cut or brings more fds than expected is
 * -EPROTO, and its fds are closed. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct packet {
	size_t bytes;
	int n_fds;
	int fds[128];		/* owned: packet_deinit() closes those not taken */
	uint8_t data[64 << 10]; /* aligned for any struct */
} __attribute__((aligned(16)));

/* A packet is 64 KiB: heap or static, not stack. */
struct packet *packet_new(void);
void packet_free(struct packet *packet);
/* Closes the fds still held and empties it. */
void packet_clear(struct packet *packet);
/* Transfers fd number i; -1 when there is none. */
int packet_take_fd(struct packet *packet, int i);

/* A connected pair, close-on-exec, with send buffers that hold a full packet. */
int packet_pair(int fds[2]);
/* Sends; the fds stay the caller's. Blocks unless the socket does not. -EAGAIN, -EPIPE … (no
 * SIGPIPE). */
int packet_send(int socket, const void *data, size_t bytes, const int *fds, int n_fds);
/* Receives one packet into `packet` (cleared first). 0; -ECONNRESET at the end of the stream;
 * -EPROTO; -EAGAIN where the socket does not block. */
int packet_receive(int socket, struct packet *packet);
