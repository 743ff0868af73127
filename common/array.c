/* SPDX-License-Identifier: Apache-2.0 */
#include "common/array.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_end(void *memory)
{
	if (memory)
		return memory;
	fputs("probe: out of memory\n", stderr);
	exit(1);
}

void *array_calloc(size_t n, size_t size)
{
	return or_end(calloc(n ? n : 1, size ? size : 1));
}

char *array_copy(const void *bytes, size_t n)
{
	char *copy = array_calloc(n + 1, 1);
	if (n)
		memcpy(copy, bytes, n);
	return copy;
}

void *array_room(void *at, uint32_t n, uint32_t *room, size_t size)
{
	if (n < *room)
		return at;
	uint64_t larger = *room ? *room : 8;
	while (larger <= n)
		larger *= 2;
	if (larger > UINT32_MAX)
		or_end(NULL);
	at = or_end(reallocarray(at, larger, size));
	memset((char *)at + *room * size, 0, (larger - *room) * size);
	*room = (uint32_t)larger;
	return at;
}
