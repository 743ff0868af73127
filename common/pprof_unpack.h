/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a stored profile as they were before compression: gzip (also several members, one
 * after the other), zstd (several frames), or plain, told apart by their first bytes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct err;

/* *unpacked is new on the heap, or NULL with 0: `data` is plain and stands for itself. More than
 * `limit` bytes unpacked: -EFBIG; corrupt or cut short: -EBADMSG. `name` is for the words. */
int pprof_unpack(const uint8_t *data, size_t bytes, size_t limit, const char *name,
		 uint8_t **unpacked, size_t *unpacked_bytes, struct err *err);
