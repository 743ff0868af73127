/* SPDX-License-Identifier: Apache-2.0 */
/* Lines and inline chains of Go programs without debugging information, from the table of functions
 * (go_table.h) and, for what is inlined, the module's data (go/src/runtime/symtab.go: pcvalue,
 * moduledata, inlinedCall). */
#pragma once

#include <stdint.h>

#include "common/guard.h"
#include "symbolizer/dwarf.h"

struct elf;
struct go_lines;

/* Keeps a pointer to the file. -ENODATA: it has no such table; -EFBIG, -ENOEXEC, -ENOMEM. */
int go_lines_new(const struct elf *elf, struct go_lines **lines);
void go_lines_free(struct go_lines *lines);
GUARD_DEFINE(go_lines, struct go_lines *, go_lines_free)
#define guard_go_lines guard(guard_go_lines)

/* What it holds, in bytes and roughly; UINT64_MAX: its work is used up so far that it had better be
 * read anew. */
uint64_t go_lines_held_bytes(const struct go_lines *lines);
/* As dwarf_find(), with whole paths. */
uint32_t go_lines_find(struct go_lines *lines, uint64_t address,
		       struct dwarf_frame frames[DWARF_FRAMES_MAX]);
