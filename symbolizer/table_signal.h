/* SPDX-License-Identifier: Apache-2.0 */
/* Where signal handlers return to: the kernel's frame lies above it, which the CFI of musl (its
 * __restore_rt) and of Go does not tell. */
#pragma once

#include <stdint.h>

struct cfi_table;
struct elf;

enum {
	TABLE_SIGNAL_PLACES = 8, /* of one file; there is one */
	TABLE_SIGNAL_BYTES = 9,	 /* of each */
};

struct table_signal_place {
	uint64_t address, offset; /* ELF, in the file */
};

/* Finds `mov $15, %rax; syscall` (rt_sigreturn) in libraries and static programs of a size as C
 * libraries have it. Returns how many. */
uint32_t table_signal_places(const struct elf *elf,
			     struct table_signal_place places[TABLE_SIGNAL_PLACES]);
/* Rows for those of them that have none, also in a table that has nothing yet. */
void table_signal_patch(const struct elf *elf, struct cfi_table *table);
/* A row for file offsets [start, end), which are returned to, in place of those that are there.
 * Without memory, or where there would be more than UNWIND_ROWS_MAX, nothing changes. */
void table_signal_add(struct cfi_table *table, uint32_t start, uint32_t end);
/* The rule that holds at a file offset. */
uint32_t table_signal_rule_at(const struct cfi_table *table, uint32_t pc);
