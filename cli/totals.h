/* SPDX-License-Identifier: Apache-2.0 */
/* Self and cumulative value of each key (function, module, line …). A key that stands several times
 * in a stack (recursion) gets the stack's value once. */
#pragma once

#include <stdint.h>

struct frames;
struct selection;

struct totals {
	int64_t *self, *cum; /* by key; key 0: stacks without a frame */
	uint32_t n;	     /* keys, with key 0 */
};

enum totals_order {
	TOTALS_BY_SELF,
	TOTALS_BY_CUM,
};

void totals_init(struct totals *totals, const struct selection *selection,
		 const struct frames *frames);
void totals_deinit(struct totals *totals);
/* Keys with a value that is not zero, the largest first (by absolute value; then by the other
 * column, then by name). New array of *n. */
uint32_t *totals_sorted(const struct totals *totals, const struct frames *frames,
			enum totals_order order, uint32_t *n);
