/* SPDX-License-Identifier: Apache-2.0 */
/* The unwind tables that walks read (bpf/unwind_types.h): places the rows of objects in the shared
 * arrays and finds room for them. A table is whole before its number is given out; what a walk
 * under way may still read is overwritten only after a while. */
#pragma once

#include <stdint.h>

struct err;
struct unwind_row;
struct unwind_rule;
struct unwind_tables;

enum unwind_tables_fd {
	UNWIND_TABLES_FD,
	UNWIND_TABLES_PAGES_FD,
	UNWIND_TABLES_ROWS_FD,
	UNWIND_TABLES_RULES_FD,
	UNWIND_TABLES_FDS,
};

/* The fds of the four arrays, borrowed. */
int unwind_tables_new(const int fds[UNWIND_TABLES_FDS], struct unwind_tables **tables,
		      struct err *err);
void unwind_tables_free(struct unwind_tables *tables);

/* Copies a table that worker_link.h has checked: rows ascend and name rules that exist. *number:
 * for struct mapping. -ENOSPC: no room now; -E2BIG: there never would be. */
int unwind_tables_add(struct unwind_tables *tables, const struct unwind_rule *rules,
		      uint32_t n_rules, const struct unwind_row *rows, uint32_t n_rows,
		      uint32_t *number);
/* No mapping names it any more: its room is free after 100 ms. */
void unwind_tables_remove(struct unwind_tables *tables, uint32_t number);
/* The rule at a file offset, as the programs find it; NULL: none. Borrowed. */
const struct unwind_rule *unwind_tables_find(const struct unwind_tables *tables, uint32_t number,
					     uint64_t offset);
/* Rows in use, of all tables. */
uint32_t unwind_tables_rows(const struct unwind_tables *tables);
