/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output_gzip.h"

#include <errno.h>
#include <stdbool.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "common/guard.h"
#include "common/limits.h"
#include "common/memory.h"

enum {
	PIECE_BYTES = 64 << 10,
	GZIP_WINDOW = 15 + 16 /* deflateInit2(): 32 KiB, gzip header */
};

struct packer {
	z_stream stream;
	uint8_t out[PIECE_BYTES];
	int fd;
	uint64_t written;
};

GUARD_DEFINE(dstream, ZSTD_DStream *, ZSTD_freeDStream)

static void guard_packer(struct packer **packer)
{
	if (*packer)
		deflateEnd(&(*packer)->stream);
	free(*packer);
}

static struct packer *packer_new(int fd)
{
	struct packer *packer = memory_new(1, sizeof(*packer));
	packer->fd = fd;
	if (deflateInit2(&packer->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		memory_exhausted();
	return packer;
}

static int write_all(int fd, const uint8_t *data, size_t bytes)
{
	while (bytes) {
		ssize_t n = write(fd, data, bytes);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			data += n;
			bytes -= (size_t)n;
		}
	}
	return 0;
}

static int pack(struct packer *packer, const uint8_t *data, size_t bytes, bool last)
{
	packer->stream.next_in = (uint8_t *)data;
	packer->stream.avail_in = (uInt)bytes;
	do {
		packer->stream.next_out = packer->out;
		packer->stream.avail_out = PIECE_BYTES;
		deflate(&packer->stream, last ? Z_FINISH : Z_NO_FLUSH);
		size_t ready = PIECE_BYTES - packer->stream.avail_out;
		int code = write_all(packer->fd, packer->out, ready);
		if (code < 0)
			return code;
		packer->written += ready;
	} while (!packer->stream.avail_out);
	return 0;
}

int output_gzip_write(const void *zstd, size_t zstd_bytes, int fd, uint64_t *bytes)
{
	struct packer *packer guard(guard_packer) = packer_new(fd);
	ZSTD_DStream *unpacker guard(guard_dstream) = ZSTD_createDStream();
	uint8_t *piece guard_mem = memory_new(PIECE_BYTES, 1);
	if (!unpacker)
		memory_exhausted();
	ZSTD_inBuffer in = {.src = zstd, .size = zstd_bytes};
	uint64_t unpacked = 0;
	size_t wanted = 1; /* 0: a frame has just ended */
	for (size_t got = PIECE_BYTES; in.pos < in.size || got == PIECE_BYTES;) {
		ZSTD_outBuffer out = {.dst = piece, .size = PIECE_BYTES};
		wanted = ZSTD_decompressStream(unpacker, &out, &in);
		got = out.pos;
		unpacked += got;
		if (ZSTD_isError(wanted) || unpacked > LIMIT_PROFILE_BYTES)
			return -EBADMSG;
		int code = pack(packer, piece, got, false);
		if (code < 0)
			return code;
		if (!wanted && in.pos == in.size)
			break;
	}
	if (wanted)
		return -EBADMSG;
	int code = pack(packer, NULL, 0, true);
	*bytes = packer->written;
	return code;
}
