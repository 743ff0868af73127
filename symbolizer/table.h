/* SPDX-License-Identifier: Apache-2.0 */
/* The unwind rows of an ELF file. */
#pragma once

#include "symbolizer/cfi.h"

struct elf;
struct err;

/* Reads .eh_frame and .debug_frame (Go has only that for its own code; where it is stripped,
 * .gopclntab stands in: go_frames.h) and compiles both; where a file without section headers has
 * PT_GNU_EH_FRAME, that shows where .eh_frame begins. Codes of cfi_compile(), and of elf_read(). */
int table_build(const struct elf *elf, struct cfi_table *table, struct err *err);

/* Where functions begin and end, also those without a symbol: the FDEs of the same sections. */
struct table_function {
	uint64_t address; /* ELF */
	uint32_t bytes;
};
/* By address; free() them. */
int table_functions(const struct elf *elf, struct table_function **functions, uint32_t *n);
