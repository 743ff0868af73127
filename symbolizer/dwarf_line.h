/* SPDX-License-Identifier: Apache-2.0 */
/* The line table of one unit (DWARF 5 §6.2). For dwarf*.c only. */
#pragma once

#include "symbolizer/dwarf_unit.h"

/* Runs the unit's program. -ENOEXEC: broken, or too much work; -ENOMEM. */
int dwarf_line_read(struct dwarf *dwarf, const struct dwarf_unit *unit, struct dwarf_lines **lines);
void dwarf_line_free(struct dwarf_lines *lines);
/* false: no row covers the address. */
bool dwarf_line_find(const struct dwarf_lines *lines, uint64_t address, uint32_t *file,
		     uint32_t *line);
/* The directory and the name of a file; "" where not known. */
void dwarf_line_file(const struct dwarf_lines *lines, uint32_t file, const char **directory,
		     const char **name);
