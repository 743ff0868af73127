/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of one unit and what is inlined in them, by address (DWARF 5 §3.3). For dwarf*.c
 * only. */
#pragma once

#include "symbolizer/dwarf_unit.h"

struct dwarf_scope {
	uint64_t entry;	 /* offset in .debug_info */
	uint32_t parent; /* the scope it is inlined in, its index + 1; 0: it is a function */
	uint32_t call_file, call_line;
};
struct dwarf_scopes {
	struct dwarf_scope *list;
	uint32_t n, room;
	struct spans spans; /* address → innermost scope */
};

/* Walks the unit's entries. -ENOEXEC: broken, too deep, or too much work: what was found before
 * counts, unless *scopes is NULL. -ENOMEM. */
int dwarf_scope_read(struct dwarf *dwarf, struct dwarf_unit *unit, struct dwarf_scopes **scopes);
void dwarf_scope_free(struct dwarf_scopes *scopes);

struct dwarf_frame;
/* Fills in name, linkage_name and start_line of the function that an entry describes. */
void dwarf_scope_name(struct dwarf *dwarf, uint64_t entry, struct dwarf_frame *frame);
