/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacks compressed parts of ELF files into memory of a size settled before: a bomb cannot grow.
 */
#pragma once

#include <stdint.h>

/* A compressed section (gABI "Section Compression"; `type`: ELFCOMPRESS_ZLIB, _ZSTD). Exactly
 * `room` bytes must come out: -ENOEXEC else. -EOPNOTSUPP: another type. */
int inflate_section(uint32_t type, const uint8_t *packed, uint64_t bytes, uint8_t *out,
		    uint64_t room);

/* A whole xz file (.gnu_debugdata) into new memory, `*out`, which is the caller's to free.
 * -EFBIG: more than `limit` would come out; -ENOEXEC: broken; -ENOMEM. */
int inflate_xz(const uint8_t *packed, uint64_t bytes, uint64_t limit, uint8_t **out,
	       uint64_t *out_bytes);
