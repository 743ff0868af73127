/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/reply.h"

#include <assert.h>
#include <string.h>

#include "common/packet.h"

void reply_begin(struct reply *reply, int socket, const struct worker_request *request)
{
	reply->socket = socket;
	reply->code = 0;
	reply->bytes = sizeof(reply->head);
	reply->head = (struct worker_reply){.op = request->op, .object = request->object};
}

void reply_flush(struct reply *reply)
{
	int code = packet_send(reply->socket, reply->packet, reply->bytes, NULL, 0);
	if (!reply->code)
		reply->code = code;
	reply->bytes = sizeof(reply->head);
	reply->head.n = 0;
}

void *reply_room(struct reply *reply, size_t most)
{
	assert(most <= sizeof(reply->packet) - sizeof(reply->head));
	if (most > sizeof(reply->packet) - reply->bytes)
		reply_flush(reply);
	return reply->packet + reply->bytes;
}

void reply_add(struct reply *reply, size_t bytes)
{
	reply_add_many(reply, 1, bytes);
}

void reply_add_many(struct reply *reply, uint32_t n, size_t bytes)
{
	reply->bytes += bytes;
	reply->head.n += n;
}

int reply_end(struct reply *reply)
{
	reply->head.last = 1;
	reply_flush(reply);
	return reply->code;
}

int reply_fail(struct reply *reply, int code, const char *words)
{
	size_t n = strlen(words);
	if (n > sizeof(reply->packet) - sizeof(reply->head))
		n = sizeof(reply->packet) - sizeof(reply->head);
	reply->head.code = code;
	reply->head.n = 0;
	memcpy(reply->packet + sizeof(reply->head), words, n);
	reply->bytes = sizeof(reply->head) + n;
	return reply_end(reply);
}
