/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/packed.h"

#include "common/memory.h"

#include <stdlib.h>

enum {
	DIGITS_MOST = 13, /* of 64 bits */
};

void packed_add(struct packed *packed, int64_t number)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint64_t rest = (uint64_t)number << 1 ^ (number < 0 ? UINT64_MAX : 0);
	packed->text = memory_grow(packed->text, &packed->room, packed->n + DIGITS_MOST + 1, 1);
	do {
		packed->text[packed->n++] = digits[(rest & 31) | (rest > 31 ? 32 : 0)];
		rest >>= 5;
	} while (rest);
	packed->text[packed->n] = '\0';
}

const char *packed_text(const struct packed *packed)
{
	return packed->text ? packed->text : "";
}

void packed_deinit(struct packed *packed)
{
	free(packed->text);
	*packed = (struct packed){0};
}
