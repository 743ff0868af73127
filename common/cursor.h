/* SPDX-License-Identifier: Apache-2.0 */
/* A bounds-checked reader of untrusted bytes (little endian). The first short read or number that
 * does not fit makes it fail: it then stands at its end, every further read gives 0 or NULL, and
 * `failed` stays true; so a parser reads a whole record and asks once. It owns nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *at, *end;
	bool failed;
};

static inline struct cursor cursor_new(const void *data, size_t bytes)
{
	const uint8_t *at = data;
	return (struct cursor){.at = at, .end = bytes ? at + bytes : at};
}
static inline size_t cursor_left(const struct cursor *cursor)
{
	return (size_t)(cursor->end - cursor->at);
}
/* Also for what the caller finds wrong in a record. */
static inline void cursor_fail(struct cursor *cursor)
{
	cursor->failed = true;
	cursor->at = cursor->end;
}
/* The next `bytes` bytes, which are then behind; NULL when there are not as many. */
static inline const void *cursor_bytes(struct cursor *cursor, size_t bytes)
{
	if (bytes > cursor_left(cursor) || cursor->failed) {
		cursor_fail(cursor);
		return NULL;
	}
	const void *start = cursor->at;
	cursor->at += bytes;
	return start;
}
static inline void cursor_skip(struct cursor *cursor, uint64_t bytes)
{
	if (bytes > cursor_left(cursor))
		cursor_fail(cursor);
	else
		cursor->at += bytes;
}
/* A cursor over the next `bytes` bytes; a failed one when there are not as many. */
static inline struct cursor cursor_part(struct cursor *cursor, uint64_t bytes)
{
	if (bytes > cursor_left(cursor))
		cursor_fail(cursor);
	if (cursor->failed)
		return (struct cursor){.at = cursor->end, .end = cursor->end, .failed = true};
	struct cursor part = {.at = cursor->at, .end = cursor->at + bytes};
	cursor->at = part.end;
	return part;
}

#define CURSOR_NUMBER(name, type)                                                                  \
	static inline type cursor_##name(struct cursor *cursor)                                    \
	{                                                                                          \
		type value = 0;                                                                    \
		const void *from = cursor_bytes(cursor, sizeof(value));                            \
		if (from)                                                                          \
			memcpy(&value, from, sizeof(value));                                       \
		return value;                                                                      \
	}
CURSOR_NUMBER(u8, uint8_t)
CURSOR_NUMBER(u16, uint16_t)
CURSOR_NUMBER(u32, uint32_t)
CURSOR_NUMBER(u64, uint64_t)
#undef CURSOR_NUMBER

/* LEB128 (DWARF 5 §7.6) of up to ten bytes. The unsigned one is protobuf's varint, too. Numbers
 * that need more than 64 bits fail. */
uint64_t cursor_uleb128_long(struct cursor *cursor);
int64_t cursor_sleb128(struct cursor *cursor);
static inline uint64_t cursor_uleb128(struct cursor *cursor)
{
	if (cursor->at < cursor->end && *cursor->at < 0x80)
		return *cursor->at++;
	return cursor_uleb128_long(cursor);
}
