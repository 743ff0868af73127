/* SPDX-License-Identifier: Apache-2.0 */
/* Names of code that a process made itself, by absolute address, as it wrote them down: a perf map
 * (/tmp/perf-PID.map; Linux tools/perf/Documentation/jit-interface.txt), lines of `START SIZE name`
 * with both numbers in hexadecimal; or a jitdump (jitdump-specification.txt there), of which the
 * records of loaded code are read. Code comes and goes: where entries overlap, the later one has
 * the address. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/guard.h"

struct err;
struct jit_map;

enum {
	JIT_MAP_BYTES_MAX = 64 << 20, /* of the file; the rest of a larger one is not read */
	JIT_MAP_ENTRIES_MAX = 2 << 20,
};

/* Reads the fd (borrowed) from its beginning. Lines of another shape are passed over, and so is a
 * last one (a record) without its end, which is being written. -EIO, -ENOMEM. */
int jit_map_new(int fd, struct jit_map **map, struct err *err);
void jit_map_free(struct jit_map *map);
GUARD_DEFINE(jit_map, struct jit_map *, jit_map_free)
#define guard_jit_map guard(guard_jit_map)

uint32_t jit_map_n(const struct jit_map *map);
/* Whether the file or its entries were more than the limits. */
bool jit_map_is_cut(const struct jit_map *map);
/* Borrowed, not empty, may hold any byte; NULL: no entry there. */
const char *jit_map_find(const struct jit_map *map, uint64_t address);
