/* SPDX-License-Identifier: Apache-2.0 */
#include "common/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

void memory_exhausted(void)
{
	static const char line[] = "probe: out of memory\n";
	/* stdio may want memory. */
	ssize_t written = write(STDERR_FILENO, line, sizeof(line) - 1);
	(void)written;
	_exit(1);
}

void *memory_new(size_t n, size_t size)
{
	void *at = calloc(n ? n : 1, size);
	if (!at)
		memory_exhausted();
	return at;
}

void *memory_resize(void *at, size_t n, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(n ? n : 1, size, &bytes))
		memory_exhausted();
	at = realloc(at, bytes);
	if (!at)
		memory_exhausted();
	return at;
}

void *memory_grow(void *at, size_t *room, size_t n, size_t size)
{
	if (n <= *room)
		return at;
	size_t more = *room > SIZE_MAX / 2 ? n : *room * 2;
	if (more < n)
		more = n;
	if (more < 8)
		more = 8;
	at = memory_resize(at, more, size);
	*room = more;
	return at;
}
