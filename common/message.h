/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of common/protocol.proto on a wire (common/wire.h), for both sides. Include
 * "common/protocol.pb-c.h" to read and fill them. */
#pragma once

struct err;
struct wire;
struct Probe__Failed;
struct Probe__Message;

/* The number both sides must say in their Hello. */
enum {
	MESSAGE_PROTOCOL = 1
};

/* Queues one message, as wire_send(); the fds stay the caller's. */
int message_send(struct wire *wire, const struct Probe__Message *message, const int *fds,
		 int n_fds);
int message_send_hello(struct wire *wire);
/* Failed, with the words of `err` (status ERR_FAILED where it has none). */
int message_send_failed(struct wire *wire, const struct err *err);

/* One of enum wire_result; with WIRE_FRAME a new *message, to be freed by message_free(): its
 * kind_case is PROBE__MESSAGE__KIND__NOT_SET for a kind this version does not know, which the
 * receiver ignores. Required fields are there; enums may have any value, strings any bytes but NUL.
 * Its fds: wire_take_fd(), until the next call. -EPROTO: no message, or one that unpacks to more
 * than LIMIT_UNPACKED_FRAMES times the wire's limit; else as wire_receive(). */
int message_receive(struct wire *wire, struct Probe__Message **message);
/* NULL is fine. */
void message_free(struct Probe__Message *message);

/* The words of a Failed into `err`, unless it has some; returns -EREMOTEIO to forward. */
int message_get_failed(const struct Probe__Failed *failed, struct err *err);
