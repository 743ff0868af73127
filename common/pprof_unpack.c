/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pprof_unpack.h"

#include "common/err.h"
#include "common/guard.h"
#include "common/memory.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

struct unpack {
	const uint8_t *data;
	size_t left;
	uint8_t *out;
	size_t n, room, limit;
	const char *name;
	struct err *err;
};

static int corrupt(struct unpack *unpack, const char *what)
{
	return err_set(unpack->err, -EBADMSG, ERR_FAILED, "%.160s: %s", unpack->name, what);
}

static int check_limit(struct unpack *unpack)
{
	if (unpack->n <= unpack->limit)
		return 0;
	return err_set(unpack->err, -EFBIG, ERR_FAILED,
		       "%.160s: more than %zu MiB unpacked, which is too large", unpack->name,
		       unpack->limit >> 20);
}

/* Room for more output; one byte beyond the limit tells a profile of just that size from a bomb. */
static int make_room(struct unpack *unpack)
{
	int code = check_limit(unpack);
	if (code)
		return code;
	if (unpack->n == unpack->room)
		unpack->out = memory_grow(unpack->out, &unpack->room, unpack->n + (64 << 10), 1);
	return 0;
}

static size_t room_left(const struct unpack *unpack)
{
	size_t end = unpack->room <= unpack->limit ? unpack->room : unpack->limit + 1;
	return end - unpack->n;
}

static int inflate_members(struct unpack *unpack, z_stream *stream)
{
	for (;;) {
		int code = make_room(unpack);
		if (code)
			return code;
		size_t in = unpack->left < UINT_MAX ? unpack->left : UINT_MAX;
		size_t room = room_left(unpack);
		room = room < UINT_MAX ? room : UINT_MAX;
		stream->next_in = (uint8_t *)unpack->data;
		stream->avail_in = (uInt)in;
		stream->next_out = unpack->out + unpack->n;
		stream->avail_out = (uInt)room;
		int result = inflate(stream, Z_NO_FLUSH);
		unpack->data += in - stream->avail_in;
		unpack->left -= in - stream->avail_in;
		unpack->n += room - stream->avail_out;
		if (result == Z_STREAM_END && !unpack->left)
			return 0;
		if (result == Z_MEM_ERROR)
			memory_exhausted();
		if (result == Z_STREAM_END)
			result = inflateReset(stream);
		if (result != Z_OK && result != Z_BUF_ERROR)
			return corrupt(unpack, "corrupt: its gzip data is damaged");
		if (!unpack->left && stream->avail_out)
			return corrupt(unpack, "cut short: its gzip data has no end");
	}
}

static int unpack_gzip(struct unpack *unpack)
{
	z_stream stream = {0};
	if (inflateInit2(&stream, 15 + 16) != Z_OK)
		memory_exhausted();
	int code = inflate_members(unpack, &stream);
	inflateEnd(&stream);
	return code;
}

static int unpack_zstd(struct unpack *unpack)
{
	ZSTD_DStream *stream = ZSTD_createDStream();
	if (!stream)
		memory_exhausted();
	int code;
	while (!(code = make_room(unpack))) {
		ZSTD_inBuffer in = {unpack->data, unpack->left, 0};
		ZSTD_outBuffer out = {unpack->out + unpack->n, room_left(unpack), 0};
		size_t result = ZSTD_decompressStream(stream, &out, &in);
		unpack->data += in.pos;
		unpack->left -= in.pos;
		unpack->n += out.pos;
		if (ZSTD_isError(result)) {
			code = corrupt(unpack, "corrupt: its zstd data is damaged");
			break;
		}
		if (!result && !unpack->left) /* 0: a frame has ended and is all in `out` */
			break;
		if (!unpack->left && out.pos < out.size) {
			code = corrupt(unpack, "cut short: its zstd data has no end");
			break;
		}
	}
	ZSTD_freeDStream(stream);
	return code;
}

int pprof_unpack(const uint8_t *data, size_t bytes, size_t limit, const char *name,
		 uint8_t **unpacked, size_t *unpacked_bytes, struct err *err)
{
	struct unpack unpack = {
		.data = data, .left = bytes, .limit = limit, .name = name, .err = err};
	int code = 0;
	if (bytes >= 2 && !memcmp(data, "\x1f\x8b", 2))
		code = unpack_gzip(&unpack);
	else if (bytes >= 4 && !memcmp(data, "\x28\xb5\x2f\xfd", 4))
		code = unpack_zstd(&unpack);
	uint8_t *out guard_mem = unpack.out;
	if (!code)
		code = check_limit(&unpack);
	if (code)
		return code;
	*unpacked_bytes = unpack.n;
	*unpacked = steal_ptr(out);
	return 0;
}
