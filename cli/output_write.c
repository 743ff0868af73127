/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/export_formats.h"
#include "cli/output.h"
#include "cli/output_gzip.h"
#include "common/guard.h"
#include "common/pprof.h"
#include "common/profile.h"

GUARD_DEFINE(profile, struct profile *, profile_free)

static int write_format(const struct export_format *format, struct profile *profile,
			const char *name, int fd, uint64_t *bytes, struct err *err)
{
	int copy guard_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	FILE *out guard_file = copy < 0 ? NULL : fdopen(copy, "w");
	if (!out)
		return -errno;
	(void)steal_fd(copy);
	struct export_request request = {.profile = profile, .name = name};
	int code = format->write(&request, out, err);
	if (code < 0)
		return code;
	errno = EIO;
	if (fflush(out) || ferror(out))
		return -errno;
	off_t end = lseek(fd, 0, SEEK_CUR); /* a pipe has no place: its size is not told */
	*bytes = end > 0 ? (uint64_t)end : 0;
	return 0;
}

int output_write(const struct export_format *format, const struct output_profile *profile,
		 const char *name, int fd, uint64_t *bytes, struct err *err)
{
	if (!format)
		return output_gzip_write(profile->zstd, profile->bytes, fd, bytes);
	struct profile *read guard(guard_profile) = NULL;
	int code = pprof_read_bytes(profile->zstd, profile->bytes, name, &read, NULL);
	if (code < 0)
		return code;
	return write_format(format, read, name, fd, bytes, err);
}
