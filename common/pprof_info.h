/* SPDX-License-Identifier: Apache-2.0 */
/* The info message as it stands in a file: field 1000, in pieces of 61 bytes. A common reader of
 * pprof files (npm's pprof-format) takes every tag for one byte: of ours it sees a field 24, which
 * it does not know, and the tag's second byte as its length, 62. Such a piece is passed over by it,
 * as any reader that knows longer tags passes over it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct Probe__Info;

/* The pieces one after the other, a multiple of 64 bytes; new. *bytes of them. */
uint8_t *pprof_info_pack(const struct Probe__Info *info, size_t *bytes);
