/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/inflate.h"

#include <elf.h>
#include <errno.h>
#include <lzma.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "common/guard.h"

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

/* Doubles the room until all has come out. */
static int run_xz(lzma_stream *stream, uint64_t limit, uint8_t **out)
{
	uint64_t room = 64 << 10;
	for (;;) {
		uint8_t *grown = realloc(*out, room);
		if (!grown)
			return -ENOMEM;
		*out = grown;
		stream->next_out = grown + stream->total_out;
		stream->avail_out = room - stream->total_out;
		lzma_ret result = lzma_code(stream, LZMA_FINISH);
		if (result == LZMA_STREAM_END)
			return 0;
		if (result == LZMA_MEM_ERROR || result == LZMA_MEMLIMIT_ERROR)
			return -ENOMEM;
		if (result != LZMA_OK || stream->avail_out)
			return -ENOEXEC;
		if (room >= limit)
			return -EFBIG;
		room = 2 * room < limit ? 2 * room : limit;
	}
}

int inflate_xz(const uint8_t *packed, uint64_t bytes, uint64_t limit, uint8_t **out,
	       uint64_t *out_bytes)
{
	enum {
		DICTIONARY_MAX = 64 << 20
	};
	guard_mem uint8_t *data = NULL;
	lzma_stream stream = LZMA_STREAM_INIT;
	if (lzma_stream_decoder(&stream, DICTIONARY_MAX, 0) != LZMA_OK)
		return -ENOMEM;
	stream.next_in = packed;
	stream.avail_in = bytes;
	int code = run_xz(&stream, limit, &data);
	*out_bytes = stream.total_out;
	lzma_end(&stream);
	if (!code)
		*out = steal_ptr(data);
	return code;
}
