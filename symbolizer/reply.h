/* SPDX-License-Identifier: Apache-2.0 */
/* Writes an answer of common/worker.h: records are gathered into packets, which go out as they
 * fill. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"
#include "common/worker.h"

struct reply {
	int socket; /* borrowed */
	int code;   /* of the first packet that could not be sent */
	size_t bytes;
	union {
		struct worker_reply head;
		uint8_t packet[LIMIT_PACKET_BYTES];
	};
};

void reply_begin(struct reply *reply, int socket, const struct worker_request *request);
/* Room for a record of at most `most` bytes, aligned to 8; then reply_add() says how many it took.
 */
void *reply_room(struct reply *reply, size_t most);
void reply_add(struct reply *reply, size_t bytes);
/* The same for an array of n records, which took `bytes` together. */
void reply_add_many(struct reply *reply, uint32_t n, size_t bytes);
/* Sends what is gathered; what comes next is in another packet. */
void reply_flush(struct reply *reply);
/* Sends the last packet. 0, or negative errno: the engine is gone. */
int reply_end(struct reply *reply);
/* Ends the answer with an error and words instead. */
int reply_fail(struct reply *reply, int code, const char *words);
