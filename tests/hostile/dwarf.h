/* SPDX-License-Identifier: Apache-2.0 */
/* Debugging information by the piece, for files made to keep its reader busy: DWARF 4, one unit
 * about all of .text. */
#pragma once

#include "tests/hostile/file.h"

/* The entries' abbreviations. */
enum {
	DWARF_UNIT = 1,	     /* children; line table at 0 */
	DWARF_FUNCTION,	     /* children; name, low_pc, high_pc (offset) */
	DWARF_BLOCK,	     /* children */
	DWARF_INLINED,	     /* children; abstract_origin, low_pc, high_pc */
	DWARF_ORIGIN,	     /* abstract_origin, low_pc, high_pc */
	DWARF_SPECIFICATION, /* specification */
	DWARF_TYPE,	     /* children; sibling */
	DWARF_IMPORT,	     /* import */
	DWARF_RANGED,	     /* children; name, ranges */
	DWARF_ALT,	     /* like DWARF_ORIGIN, into the file that dwz made */
	DWARF_BARE,	     /* children; a function with nothing */
};
struct bytes dwarf_abbrevs(void);

/* A unit's header and root; its length is set by dwarf_end(), which also ends the root's children.
 */
struct bytes dwarf_begin(void);
void dwarf_end(struct bytes *info);
void dwarf_function(struct bytes *info, const char *name, uint64_t start, uint32_t n);
/* DWARF_INLINED, DWARF_ORIGIN or DWARF_ALT */
void dwarf_origin(struct bytes *info, uint8_t abbrev, uint32_t origin, uint64_t start, uint32_t n);
/* .debug_line: a header and an address; then opcodes; then dwarf_lines_end(). A special opcode of
 * one row each: DWARF_ROW (+1 byte, +0 lines). */
enum {
	DWARF_ROW = 0x20,
};
struct bytes dwarf_lines(void);
void dwarf_lines_end(struct bytes *lines);
/* Adds the three sections, which it takes. */
void dwarf_add(struct file *file, struct bytes info_take, struct bytes abbrev_take,
	       struct bytes lines_take);
