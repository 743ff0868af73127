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

/* Spans that are gathered to be laid out. */
struct span_list {
	struct span *at; /* free() it */
	uint32_t n, room;
};
enum {
	SPAN_LIST_MAX = 8 << 20,
};
/* [start, end), of which 4 GiB count. -ENOMEM: also where there are SPAN_LIST_MAX. */
int spans_gather(struct span_list *list, uint64_t start, uint64_t end, uint32_t value);

/* By start, and value. -ENOMEM: nothing was sorted. */
int spans_sort(struct span_list *list);

/* Lays out n spans (at most UINT32_MAX / 2) that ascend by start; where several cover an address,
 * the one that comes last among them has it. -ENOMEM. */
int spans_lay_out(const struct span *in, uint32_t n, struct spans *out);
/* The same; where several cover an address, the one with the highest value has it. */
int spans_lay_out_latest(const struct span *in, uint32_t n, struct spans *out);
void spans_deinit(struct spans *spans);
/* The span at an address, or NULL. */
const struct span *spans_find(const struct spans *spans, uint64_t address);
