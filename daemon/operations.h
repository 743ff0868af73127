/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker does for the engine: each operation of broker.h, and what must hold before it is
 * begun. The broker's loop (broker.c) receives, calls operations_run() and replies. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "bpf/types.h"
#include "common/limits.h"
#include "daemon/broker.h"
#include "daemon/discards.h"
#include "daemon/workers.h"

struct authority;
struct err;
struct packet;
struct programs;

/* What lasts from one request to the next. */
struct operations {
	struct authority *authority; /* borrowed */
	struct programs *programs;   /* owned; NULL until BROKER_LOAD */
	struct workers workers;
	struct discards discards;
	uint32_t revoked[SESSIONS_MAX]; /* processes, which the session might not take any more */
};

/* What a request is answered with. */
struct answer {
	struct broker_reply reply;
	int fds[LIMIT_PACKET_FDS]; /* owned, unless: */
	int n_fds;
	bool borrowed;
};

/* Does what the packet asks for. The engine may have been taken over: nothing in a packet of it is
 * believed. 0 or a negative errno, -EPROTO: no request of ours looks like that; what was put into
 * `answer` until then is to be cleared by the caller also after a failure. */
int operations_run(struct operations *state, const struct packet *packet, struct answer *answer,
		   struct err *err);
/* Its rights and what it takes; as programs_drop(). */
int operations_end_session(struct operations *state, uint32_t session);
