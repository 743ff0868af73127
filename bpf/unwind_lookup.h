/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A file offset → the rule that holds there. Also compiles for user space: who includes it defines
 * unwind_table_at(), unwind_page_at(), unwind_row_at() and unwind_rule_at(), which give a pointer
 * to an element of the arrays of unwind_types.h, or NULL. Every number is checked against its
 * piece: the arrays may be rewritten under a walk, which then is a wrong walk, not a wild one. */
#pragma once

#include "bpf/unwind_types.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/* Number of the first row of [first, first + n) that begins behind `pc`. */
static __always_inline __u32 unwind_search(__u32 first, __u32 n, __u32 pc)
{
	__u32 low = first, high = first + n;
	for (int i = 0; i <= UNWIND_PAGE_SHIFT && low < high; i++) {
		__u32 middle = low + (high - low) / 2;
		const struct unwind_row *row = unwind_row_at(middle);
		if (!row)
			return 0;
		if (row->pc <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Number of the rule in unwind_rules; 0: there is no row. Not inlined, and in BPF global, so that
 * the verifier looks at it once. */
#ifndef __bpf__
static
#endif
	__attribute__((noinline)) __u32
	unwind_find(__u32 number, __u64 offset)
{
	const struct unwind_table *table = unwind_table_at(number);
	if (!table || !number)
		return 0;
	__u64 page_number = (offset >> UNWIND_PAGE_SHIFT) - table->base_page;
	if (page_number >= table->n_pages)
		return 0;
	const struct unwind_page *page = unwind_page_at(table->first_page + (__u32)page_number);
	if (!page)
		return 0;
	__u32 first = table->first_row;
	__u32 behind = unwind_search(first + page->first_row, page->n_rows, (__u32)offset);
	if (behind <= first || behind - first > table->n_rows)
		return 0;
	const struct unwind_row *row = unwind_row_at(behind - 1);
	if (!row || !row->rule || row->rule >= table->n_rules)
		return 0;
	return table->first_rule + row->rule;
}
