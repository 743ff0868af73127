/* SPDX-License-Identifier: Apache-2.0 */
#include "common/message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/err.h"
#include "common/limits.h"
#include "common/protocol.pb-c.h"
#include "common/wire.h"
#include "tests/unit.h"

static void wires(struct wire **a, struct wire **b)
{
	int fds[2];
	CU_ASSERT_FATAL(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
	*a = wire_new(fds[0], 4 << 20);
	*b = wire_new(fds[1], 4 << 20);
	CU_ASSERT_FATAL(*a && *b);
}

static void hello(void)
{
	struct wire *a, *b;
	wires(&a, &b);
	CU_ASSERT_EQUAL(message_send_hello(a), 0);
	Probe__Message *message;
	CU_ASSERT_EQUAL_FATAL(message_receive(b, &message), WIRE_FRAME);
	CU_ASSERT_EQUAL_FATAL(message->kind_case, PROBE__MESSAGE__KIND_HELLO);
	CU_ASSERT_EQUAL(message->hello->protocol, MESSAGE_PROTOCOL);
	message_free(message);
	CU_ASSERT_EQUAL(message_receive(b, &message), WIRE_AGAIN);
	wire_free(a);
	CU_ASSERT_EQUAL(message_receive(b, &message), WIRE_END);
	wire_free(b);
}

static void failed(void)
{
	struct wire *a, *b;
	wires(&a, &b);
	struct err sent = {0}, got = {0};
	err_set(&sent, 0, ERR_PERMISSION, "permission denied");
	err_hint(&sent, "ask");
	CU_ASSERT_EQUAL(message_send_failed(a, &sent), 0);
	CU_ASSERT_EQUAL(message_send_failed(a, &(struct err){0}), 0);
	Probe__Message *message;
	CU_ASSERT_EQUAL_FATAL(message_receive(b, &message), WIRE_FRAME);
	CU_ASSERT_EQUAL_FATAL(message->kind_case, PROBE__MESSAGE__KIND_FAILED);
	CU_ASSERT_EQUAL(message_get_failed(message->failed, &got), -EREMOTEIO);
	CU_ASSERT_EQUAL(got.status, ERR_PERMISSION);
	CU_ASSERT_STRING_EQUAL(got.msg, "permission denied");
	CU_ASSERT_STRING_EQUAL(got.hint, "ask");
	message_free(message);
	CU_ASSERT_EQUAL_FATAL(message_receive(b, &message), WIRE_FRAME);
	got = (struct err){0};
	message->failed->status = 4096; /* no exit status can say that */
	message_get_failed(message->failed, &got);
	CU_ASSERT_EQUAL(got.status, ERR_FAILED);
	message_free(message);
	wire_free(a);
	wire_free(b);
}

static void largest_chunk(void)
{
	struct wire *a, *b;
	wires(&a, &b);
	Probe__Chunk chunk = PROBE__CHUNK__INIT;
	Probe__Message message = PROBE__MESSAGE__INIT;
	message.kind_case = PROBE__MESSAGE__KIND_CHUNK;
	message.chunk = &chunk;
	chunk.data.len = LIMIT_WIRE_BYTES;
	chunk.data.data = calloc(1, LIMIT_WIRE_BYTES);
	CU_ASSERT_EQUAL(message_send(a, &message, NULL, 0), -EMSGSIZE);
	chunk.data.len -= 16;
	CU_ASSERT_EQUAL(message_send(a, &message, NULL, 0), 0);
	Probe__Message *got;
	int code;
	while ((code = message_receive(b, &got)) == WIRE_AGAIN)
		CU_ASSERT_EQUAL_FATAL(wire_flush(a), 0);
	CU_ASSERT_EQUAL_FATAL(code, WIRE_FRAME);
	CU_ASSERT_EQUAL(got->chunk->data.len, chunk.data.len);
	message_free(got);
	free(chunk.data.data);
	wire_free(a);
	wire_free(b);
}

static void bytes_that_are_no_message(void)
{
	static const char *const frames[] = {
		"\x0a\x7f",	    /* a Hello longer than the frame */
		"\x0a\x02\x12\x00", /* a Hello without its required number */
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", /* no tag */
	};
	const size_t lengths[] = {2, 4, 11};
	for (int i = 0; i < 3; i++) {
		struct wire *a, *b;
		wires(&a, &b);
		CU_ASSERT_EQUAL(wire_send(a, frames[i], lengths[i], NULL, 0), 0);
		Probe__Message *message;
		CU_ASSERT_EQUAL(message_receive(b, &message), -EPROTO);
		wire_free(a);
		wire_free(b);
	}
}

static void unknown_kind(void)
{
	struct wire *a, *b;
	wires(&a, &b);
	CU_ASSERT_EQUAL(wire_send(a, "\xfa\x01\x00", 3, NULL, 0), 0); /* field 31 */
	CU_ASSERT_EQUAL(wire_send(a, "", 0, NULL, 0), 0);
	Probe__Message *message;
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL_FATAL(message_receive(b, &message), WIRE_FRAME);
		CU_ASSERT_EQUAL(message->kind_case, PROBE__MESSAGE__KIND__NOT_SET);
		message_free(message);
	}
	wire_free(a);
	wire_free(b);
}

/* Half a million empty strings in 1 MiB would be 20 MiB of heap. */
static void amplification(void)
{
	struct wire *a, *b;
	wires(&a, &b);
	const size_t n = (LIMIT_WIRE_BYTES - 4) / 2, body = n * 2;
	uint8_t *frame = malloc(body + 4);
	frame[0] = 0x12; /* record */
	frame[1] = (uint8_t)(body | 0x80);
	frame[2] = (uint8_t)(body >> 7 | 0x80);
	frame[3] = (uint8_t)(body >> 14);
	for (size_t i = 0; i < n; i++) {
		frame[4 + 2 * i] = 0x72; /* labels */
		frame[5 + 2 * i] = 0;
	}
	CU_ASSERT_EQUAL(wire_send(a, frame, body + 4, NULL, 0), 0);
	Probe__Message *message;
	int code;
	while ((code = message_receive(b, &message)) == WIRE_AGAIN)
		CU_ASSERT_EQUAL_FATAL(wire_flush(a), 0);
	CU_ASSERT_EQUAL(code, -EPROTO);
	free(frame);
	wire_free(a);
	wire_free(b);
}

static int received(struct wire *wire)
{
	Probe__Message *message = NULL;
	int code = message_receive(wire, &message);
	message_free(message);
	return code;
}

/* What a daemon takes: the largest request that makes sense, but not as many pieces as fit. */
static void small_limit(void)
{
	struct wire *a, *b;
	static uint32_t pids[LIMIT_TARGETS];
	char label[512], *labels[64];
	memset(label, 'x', sizeof(label) - 1);
	label[sizeof(label) - 1] = '\0';
	memset(pids, 0x7f, sizeof(pids));
	for (int i = 0; i < 64; i++)
		labels[i] = label;
	Probe__Record record = PROBE__RECORD__INIT;
	Probe__Message message = PROBE__MESSAGE__INIT;
	message.kind_case = PROBE__MESSAGE__KIND_RECORD;
	message.record = &record;
	record.pids = pids;
	record.n_pids = LIMIT_TARGETS;
	record.labels = labels;
	record.n_labels = 64;
	wires(&a, &b);
	wire_set_limit(b, LIMIT_REQUEST_BYTES);
	CU_ASSERT_EQUAL(message_send(a, &message, NULL, 0), 0);
	CU_ASSERT_EQUAL(received(b), WIRE_FRAME);
	uint8_t unknown[3 * 10000];
	for (size_t i = 0; i < sizeof(unknown); i += 3)
		memcpy(unknown + i, "\xfa\x01\x00", 3); /* field 31 */
	CU_ASSERT_EQUAL(wire_send(a, unknown, sizeof(unknown), NULL, 0), 0);
	CU_ASSERT_EQUAL(received(b), -EPROTO);
	wire_free(a);
	wire_free(b);
}

SUITE(message, {"hello", hello}, {"failed", failed}, {"largest chunk", largest_chunk},
      {"bytes that are no message", bytes_that_are_no_message}, {"unknown kind", unknown_kind},
      {"amplification", amplification}, {"small limit", small_limit});
