/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of addresses that carry a number each: nested and overlapping ones are laid out as
 * disjoint ones, of which a binary search finds the one at an address. */
#pragma once

#include <stdint.h>

struct span {
	uint64_t start;
	uint32_t bytes;
	uint32_t value;
};
struct spans {
	struct span *at; /* by start */
	uint32_t n;
};

/* Lays out n spans (at most UINT32_MAX / 2) that ascend by start; where several cover an address,
 * the one that comes last among them has it. -ENOMEM. */
int spans_lay_out(const struct span *in, uint32_t n, struct spans *out);
/* The same; where several cover an address, the one with the highest value has it. */
int spans_lay_out_latest(const struct span *in, uint32_t n, struct spans *out);
void spans_deinit(struct spans *spans);
/* The span at an address, or NULL. */
const struct span *spans_find(const struct spans *spans, uint64_t address);
