/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cursor.h"

uint64_t cursor_uleb128_long(struct cursor *cursor)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte = cursor_u8(cursor);
		if (shift == 63 && (byte & 0x7f) > 1)
			break;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	cursor_fail(cursor);
	return 0;
}

int64_t cursor_sleb128(struct cursor *cursor)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte = cursor_u8(cursor);
		/* Of the tenth byte one bit is part of the number, the others repeat the sign. */
		if (shift == 63 && byte != 0 && byte != 0x7f)
			break;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		if (byte & 0x40 && shift + 7 < 64)
			value |= ~0ull << (shift + 7);
		return (int64_t)value;
	}
	cursor_fail(cursor);
	return 0;
}
