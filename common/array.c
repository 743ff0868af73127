/* SPDX-License-Identifier: Apache-2.0 */
#include "common/array.h"

#include <stdlib.h>
#include <string.h>
#include "common/memory.h"

char *array_copy(const void *bytes, size_t n)
{
	char *copy = memory_new(n + 1, 1);
	if (n)
		memcpy(copy, bytes, n);
	return copy;
}

void *array_trim(void *at, uint32_t n, uint32_t *room, size_t size)
{
	if (n == *room)
		return at;
	*room = n;
	if (n)
		return memory_resize(at, n, size);
	free(at);
	return NULL;
}

void *array_room(void *at, uint32_t n, uint32_t *room, size_t size)
{
	if (n < *room)
		return at;
	uint64_t larger = *room ? *room : 8;
	while (larger <= n)
		larger *= 2;
	if (larger > UINT32_MAX)
		memory_exhausted();
	at = memory_resize(at, larger, size);
	memset((char *)at + *room * size, 0, (larger - *room) * size);
	*room = (uint32_t)larger;
	return at;
}
