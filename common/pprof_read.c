/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pprof.h"

#include "common/err.h"
#include "common/escape.h"
#include "common/guard.h"
#include "common/limits.h"
#include "common/memory.h"
#include "common/pprof_decode.h"
#include "common/pprof_unpack.h"

#include <errno.h>
#include <string.h>

static int decode(const void *data, size_t bytes, const char *name, struct profile **profile,
		  struct err *err)
{
	const char *what = NULL;
	size_t where = 0;
	if (!bytes)
		return err_set(err, -EBADMSG, ERR_FAILED, "%s: empty file", name);
	struct profile *read = pprof_decode(data, bytes, &what, &where);
	if (!read)
		return err_set(err, -EBADMSG, ERR_FAILED,
			       "%s: not a pprof profile, or damaged: %s (byte %zu of %zu)", name,
			       what, where, bytes);
	*profile = read;
	return 0;
}

/* Takes `file` where it is not NULL: packed bytes are not kept while the profile is built. */
static int read_bytes(uint8_t *file, const void *data, size_t bytes, const char *name,
		      struct profile **profile, struct err *err)
{
	char shown[160];
	uint8_t *taken guard_mem = file;
	uint8_t *unpacked guard_mem = NULL;
	size_t n = 0;
	escape_text(shown, sizeof(shown), name, strlen(name));
	int code = pprof_unpack(data, bytes, LIMIT_PROFILE_BYTES, shown, &unpacked, &n, err);
	if (code)
		return code;
	if (!unpacked)
		return decode(data, bytes, shown, profile, err);
	free(steal_ptr(taken));
	return decode(unpacked, n, shown, profile, err);
}

int pprof_read_bytes(const void *data, size_t bytes, const char *name, struct profile **profile,
		     struct err *err)
{
	return read_bytes(NULL, data, bytes, name, profile, err);
}

int pprof_read(int fd, const char *name, struct profile **profile, struct err *err)
{
	uint8_t *file guard_mem = NULL;
	size_t n = 0, room = 0;
	for (;;) {
		file = memory_grow(file, &room, n + (64 << 10), 1);
		ssize_t got = read(fd, file + n, room - n);
		if (!got)
			break;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set(err, -errno, ERR_FAILED, "%.160s: %s", name,
				       strerror(errno));
		n += (size_t)got;
		if (n > LIMIT_PROFILE_BYTES)
			return err_set(err, -EFBIG, ERR_FAILED,
				       "%.160s: larger than %llu MiB, which is too large", name,
				       LIMIT_PROFILE_BYTES >> 20);
	}
	const void *data = file;
	return read_bytes(steal_ptr(file), data, n, name, profile, err);
}
