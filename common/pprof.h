/* SPDX-License-Identifier: Apache-2.0 */
/* The pprof codec: a profile as bytes of profile.proto, written and read as a stream on the
 * bounds-checked cursor. Files are gzip (what pprof writes), zstd, or plain: told apart by their
 * first bytes. Hostile input costs at most LIMIT_PROFILE_BYTES of work and memory in proportion to
 * its size unpacked. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct err;
struct profile;

/* Takes the next bytes; 0 or negative errno, which ends the writing. */
typedef int (*pprof_sink)(void *context, const void *data, size_t bytes);

/* Plain protobuf bytes, in pieces of up to 64 KiB. */
int pprof_write(const struct profile *profile, pprof_sink sink, void *context);
/* gzip to fd, as files of pprof are. */
int pprof_write_gzip(const struct profile *profile, int fd, struct err *err);

/* Reads a whole file from fd (gzip, zstd or plain). `name` is for the words. New *profile on
 * success. -EBADMSG: not a pprof profile, cut short or corrupt: the words say which and where. */
int pprof_read(int fd, const char *name, struct profile **profile, struct err *err);
/* The same from memory. */
int pprof_read_bytes(const void *data, size_t bytes, const char *name, struct profile **profile,
		     struct err *err);
