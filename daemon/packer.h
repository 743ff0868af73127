/* SPDX-License-Identifier: Apache-2.0 */
/* A profile as zstd-compressed pprof bytes in memory, ready to be sent in chunks. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct err;
struct profile;

struct packed {
	uint8_t *at;
	size_t n;
};

int packer_pack(const struct profile *profile, struct packed *packed, struct err *err);
