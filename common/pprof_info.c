/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pprof_info.h"

#include <string.h>

#include "common/guard.h"
#include "common/info.pb-c.h"
#include "common/memory.h"
#include "common/pprof_field.h"

enum {
	PIECE = 61,
	HEAD = 3, /* tag (two bytes) and length of a piece */
	PADDING_FIELD = 31 /* in Info: bytes that fill the last piece */,
	PADDING_HEAD = 3,
};
_Static_assert(((PPROF_INFO << 3 | PPROF_BYTES) >> 7) == PIECE + 1,
	       "the second byte of the tag is the length of what follows it");

/* What fills the last piece: 0, or a field of so many bytes with its head. */
static size_t padding_of(size_t bytes)
{
	size_t rest = (PIECE - bytes % PIECE) % PIECE;
	return rest && rest < PADDING_HEAD ? rest + PIECE : rest;
}

static void add_padding(uint8_t *at, size_t bytes)
{
	static const uint32_t tag = PADDING_FIELD << 3 | PPROF_BYTES;
	if (!bytes)
		return;
	at[0] = (uint8_t)(tag | 0x80);
	at[1] = (uint8_t)(tag >> 7);
	at[2] = (uint8_t)(bytes - PADDING_HEAD); /* below 64: zeros follow */
}

uint8_t *pprof_info_pack(const Probe__Info *info, size_t *bytes)
{
	Probe__Info plain = *info;
	plain.has_padding = false;
	size_t n = probe__info__get_packed_size(&plain), padding = padding_of(n);
	uint8_t *whole guard_mem = memory_new(n + padding, 1);
	probe__info__pack(&plain, whole);
	add_padding(whole + n, padding);
	size_t pieces = (n + padding) / PIECE;
	uint8_t *packed = memory_new(pieces, HEAD + PIECE);
	for (size_t i = 0; i < pieces; i++) {
		uint8_t *piece = packed + i * (HEAD + PIECE);
		piece[0] = (uint8_t)(PPROF_INFO << 3 | PPROF_BYTES | 0x80);
		piece[1] = (PPROF_INFO << 3 | PPROF_BYTES) >> 7;
		piece[2] = PIECE;
		memcpy(piece + HEAD, whole + i * PIECE, PIECE);
	}
	*bytes = pieces * (HEAD + PIECE);
	return packed;
}
