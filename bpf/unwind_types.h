/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The tables of all objects, in four mmapable arrays that the engine writes
 *(daemon/unwind_tables.h) and walks read. A table is a piece of each:
 *
 *	mapping.table → unwind_tables[]: where the pieces are
 *	unwind_pages[]: of each 512 bytes of code, its rows
 *	unwind_rows[]: pc → number of a rule (common/unwind.h)
 *	unwind_rules[]: the rules
 *
 * They are 21 MiB, allocated when the programs are loaded: rows for a process like node or a
 * postgres with all its libraries take 3–4 MiB. */
#pragma once

#include <linux/types.h>
#include "bpf/types.h"
#include "common/unwind.h"

enum {
	UNWIND_TABLES = TYPES_ENTRIES(4096, 8), /* number 0 is none */
	UNWIND_ROWS = TYPES_ENTRIES(2 << 20, 96 << 10),
	UNWIND_PAGES = TYPES_ENTRIES(512 << 10, 8 << 10),
	UNWIND_RULES = TYPES_ENTRIES(32 << 10, 2 << 10), /* number 0 is none */
	UNWIND_PAGE_SHIFT = 9,
};

struct unwind_page {
	__u32 first_row; /* in the table; of those that begin in the page */
	__u32 n_rows;
};
struct unwind_table {
	__u32 first_row, n_rows;
	__u32 first_rule, n_rules;
	__u32 first_page, n_pages;
	__u32 base_page; /* file offset >> UNWIND_PAGE_SHIFT of the first one */
	__u32 pad;
};
_Static_assert(sizeof(struct unwind_page) == 8, "struct unwind_page");
_Static_assert(sizeof(struct unwind_table) == 32, "struct unwind_table");
