/* SPDX-License-Identifier: Apache-2.0 */
/* From the engine's zstd to the gzip of pprof files, as a stream. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Writes the gzip form to fd; *bytes: its size. -EBADMSG: `zstd` is damaged, cut, or unpacks to
 * more than LIMIT_PROFILE_BYTES; else what write() said. */
int output_gzip_write(const void *zstd, size_t zstd_bytes, int fd, uint64_t *bytes);
