/* SPDX-License-Identifier: Apache-2.0 */
/* While somebody always records, what was met would stay for ever: recordings that follow each
 * other, and each day's processes. So stacks, locations and objects that no recording refers to,
 * nor any process that is followed, are let go when they are much of what there is: in two steps, a
 * while apart (stacks.h). That costs in proportion to what there is, and is done when so much has
 * come, or a recording has gone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct sampler;
struct symbolizer;

struct sweep {
	uint64_t condemned_ns; /* CLOCK_MONOTONIC of the first step; 0: the second is done */
	uint64_t kept_bytes;   /* of stacks, after the last look */
	uint32_t kept_objects;
	uint32_t parted; /* as of the sampler, then */
};

/* At every tick, after the ring was drained. True: numbers of locations are free for others. */
bool sweep_look(struct sweep *sweep, struct sampler *sampler, struct symbolizer *symbolizer);
