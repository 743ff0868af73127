/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes being written for tests, growing; numbers are little-endian. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/memory.h"

struct bytes {
	uint8_t *at; /* owned: free() */
	size_t n, room;
};

static inline void bytes_raw(struct bytes *b, const void *raw, size_t n)
{
	if (!n)
		return;
	b->at = memory_grow(b->at, &b->room, b->n + n, 1);
	memcpy(b->at + b->n, raw, n);
	b->n += n;
}
static inline void bytes_fill(struct bytes *b, uint8_t value, size_t n)
{
	if (!n)
		return;
	b->at = memory_grow(b->at, &b->room, b->n + n, 1);
	memset(b->at + b->n, value, n);
	b->n += n;
}
/* The lowest `n` bytes of a number. */
static inline void bytes_number(struct bytes *b, uint64_t value, size_t n)
{
	bytes_raw(b, &value, n);
}
/* ULEB128. */
static inline void bytes_uleb(struct bytes *b, uint64_t value)
{
	do {
		uint8_t byte = value & 0x7f;
		value >>= 7;
		bytes_number(b, byte | (value ? 0x80 : 0), 1);
	} while (value);
}
static inline void bytes_text(struct bytes *b, const char *text)
{
	bytes_raw(b, text, strlen(text) + 1);
}
