/* SPDX-License-Identifier: Apache-2.0 */
#include "common/escape.h"

#include "common/memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Bytes of the UTF-8 character at `at`, 0: not one (RFC 3629: no overlong forms, no surrogates). */
static size_t character(const uint8_t *at, size_t left, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	if (at[0] < 0x80) {
		*code = at[0];
		return 1;
	}
	size_t n = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
	if (at[0] < 0xc2 || at[0] > 0xf4 || n > left)
		return 0;
	uint32_t value = at[0] & (0x7f >> n);
	for (size_t i = 1; i < n; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (at[i] & 0x3f);
	}
	if (value < least[n] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0;
	*code = value;
	return n;
}

/* Would a terminal, an editor or a line reader act on it instead of showing it? */
static bool acts(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) ||	      /* C0, DEL, C1 */
	       code == 0x61c || (code >= 0x200e && code <= 0x200f) || /* bidi marks */
	       (code >= 0x2028 && code <= 0x202e) ||		      /* separators, embeddings */
	       (code >= 0x2066 && code <= 0x2069);		      /* isolates */
}

size_t escape_text(char *out, size_t room, const char *text, size_t bytes)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *at = (const uint8_t *)text;
	size_t used = 0;
	if (!room)
		return 0;
	for (size_t i = 0, n; i < bytes; i += n) {
		uint32_t code = 0;
		n = character(at + i, bytes - i, &code);
		bool plain = n && !acts(code);
		n = n ? n : 1;
		if ((plain ? n : 4 * n) > room - 1 - used)
			break;
		if (plain) {
			memcpy(out + used, at + i, n);
			used += n;
			continue;
		}
		for (size_t j = i; j < i + n; j++) {
			out[used++] = '\\';
			out[used++] = 'x';
			out[used++] = digits[at[j] >> 4];
			out[used++] = digits[at[j] & 15];
		}
	}
	out[used] = '\0';
	return used;
}

char *escape_new(const char *text, size_t bytes)
{
	if (bytes > (SIZE_MAX - 1) / 4)
		memory_exhausted();
	char *out = memory_new(bytes * 4 + 1, 1);
	size_t used = escape_text(out, bytes * 4 + 1, text, bytes);
	return memory_resize(out, used + 1, 1);
}
