/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/inflate.h"

#include <elf.h>
#include <errno.h>
#include <zlib.h>
#include <zstd.h>

#ifndef ELFCOMPRESS_ZSTD
#define ELFCOMPRESS_ZSTD 2 /* glibc 2.37 */
#endif

static int from_zlib(const uint8_t *packed, uint64_t bytes, uint8_t *out, uint64_t room)
{
	uLongf written = room;
	if (uncompress(out, &written, packed, bytes) != Z_OK || written != room)
		return -ENOEXEC;
	return 0;
}

static int from_zstd(const uint8_t *packed, uint64_t bytes, uint8_t *out, uint64_t room)
{
	size_t written = ZSTD_decompress(out, room, packed, bytes);
	return ZSTD_isError(written) || written != room ? -ENOEXEC : 0;
}

int inflate_section(uint32_t type, const uint8_t *packed, uint64_t bytes, uint8_t *out,
		    uint64_t room)
{
	switch (type) {
	case ELFCOMPRESS_ZLIB:
		return from_zlib(packed, bytes, out, room);
	case ELFCOMPRESS_ZSTD:
		return from_zstd(packed, bytes, out, room);
	default:
		return -EOPNOTSUPP;
	}
}
