/* SPDX-License-Identifier: Apache-2.0 */
#include "common/message.h"

#include <errno.h>
#include <stdlib.h>

#include "common/err.h"
#include "common/guard.h"
#include "common/limits.h"
#include "common/protocol.pb-c.h"
#include "common/wire.h"

int message_send(struct wire *wire, const Probe__Message *message, const int *fds, int n_fds)
{
	size_t bytes = probe__message__get_packed_size(message);
	if (bytes > LIMIT_WIRE_BYTES)
		return -EMSGSIZE;
	uint8_t *packed guard_mem = malloc(bytes + 1);
	if (!packed)
		return -ENOMEM;
	probe__message__pack(message, packed);
	return wire_send(wire, packed, bytes, fds, n_fds);
}

int message_send_hello(struct wire *wire)
{
	Probe__Hello hello = PROBE__HELLO__INIT;
	hello.protocol = MESSAGE_PROTOCOL;
	hello.version = (char *)VERSION;
	Probe__Message message = PROBE__MESSAGE__INIT;
	message.kind_case = PROBE__MESSAGE__KIND_HELLO;
	message.hello = &hello;
	return message_send(wire, &message, NULL, 0);
}

int message_send_failed(struct wire *wire, const struct err *err)
{
	Probe__Failed failed = PROBE__FAILED__INIT;
	failed.status = err->status ? (uint32_t)err->status : ERR_FAILED;
	failed.msg = (char *)err->msg;
	failed.hint = err->hint[0] ? (char *)err->hint : NULL;
	Probe__Message message = PROBE__MESSAGE__INIT;
	message.kind_case = PROBE__MESSAGE__KIND_FAILED;
	message.failed = &failed;
	return message_send(wire, &message, NULL, 0);
}

/* Unpacking grows: two bytes can stand for an empty string of 40 bytes of heap. The budget bounds
 * what one frame can cost; each piece counts with the heap's own overhead. */
struct budget {
	size_t left;
};

static void *budget_alloc(void *context, size_t bytes)
{
	struct budget *budget = context;
	size_t cost = bytes < SIZE_MAX - 32 ? bytes + 32 : SIZE_MAX;
	if (cost > budget->left)
		return NULL;
	budget->left -= cost;
	return malloc(bytes);
}

static void budget_free(void *context, void *p)
{
	free(p);
}

int message_receive(struct wire *wire, Probe__Message **message)
{
	const uint8_t *frame;
	size_t bytes;
	int code = wire_receive(wire, &frame, &bytes);
	if (code != WIRE_FRAME)
		return code;
	struct budget budget = {.left = LIMIT_UNPACKED_FRAMES * wire_limit(wire)};
	ProtobufCAllocator allocator = {budget_alloc, budget_free, &budget};
	Probe__Message *unpacked = probe__message__unpack(&allocator, bytes, frame);
	if (!unpacked)
		return -EPROTO;
	*message = unpacked;
	return WIRE_FRAME;
}

void message_free(Probe__Message *message)
{
	probe__message__free_unpacked(message, NULL);
}

int message_get_failed(const Probe__Failed *failed, struct err *err)
{
	int status = failed->status > 0 && failed->status <= ERR_ABANDONED ? (int)failed->status
									   : ERR_FAILED;
	err_set(err, 0, status, "%s", failed->msg);
	if (failed->hint && failed->hint[0])
		err_hint(err, "%s", failed->hint);
	return -EREMOTEIO;
}
