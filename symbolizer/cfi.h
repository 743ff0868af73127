/* SPDX-License-Identifier: Apache-2.0 */
/* Compiles call frame information (.eh_frame: LSB 5.0 10.6; .debug_frame: DWARF 5 6.4) into unwind
 * rows (common/unwind.h).
 *
 * The sections are walked from front to back, so that no .eh_frame_hdr is needed; each FDE's
 * program runs once, in time linear in its bytes. What is broken costs the function it is about;
 * what would be too big costs the object its table. Nothing here follows a pointer of the file. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/unwind.h"

struct err;
struct worker_segment;

struct cfi_section {
	const uint8_t *bytes; /* borrowed; NULL: no such section */
	size_t n;
	uint64_t vaddr; /* ELF address of bytes[0] */
	bool debug;	/* .debug_frame */
};

struct cfi_source {
	struct cfi_section sections[2]; /* where both describe a function, the first has its way */
	const struct worker_segment *segments; /* executable PT_LOADs, borrowed */
	unsigned n_segments;
	bool go; /* .debug_frame is Go's, which does not tell of rbp: functions with a frame save it
		  */
};

/* What became of the information; for people, and for the tests. */
struct cfi_counts {
	uint32_t fdes;
	uint32_t fdes_broken;	   /* unreadable, or a program that ends in nonsense */
	uint32_t fdes_outside;	   /* not in executable bytes of the file */
	uint32_t fdes_overlapping; /* (partly) told by another one, too */
	uint32_t rows_unknown;	   /* with a rule that struct unwind_rule does not express */
	uint32_t rows_lost;	   /* where a callee-saved register other than rbp gets lost */
};

struct cfi_table {
	struct unwind_row *rows; /* sorted; the last one is a gap. Owned */
	uint32_t n_rows;
	struct unwind_rule *rules; /* [0] is the gap. Owned */
	uint32_t n_rules;
	struct cfi_counts counts;
};

/* Fills *table, which is the caller's to cfi_table_deinit(). -ENODATA: no usable information;
 * -E2BIG: more than UNWIND_ROWS_MAX rows or UNWIND_RULES_MAX rules, or a section of over 512 MiB;
 * -ENOMEM. */
int cfi_compile(const struct cfi_source *source, struct cfi_table *table, struct err *err);
void cfi_table_deinit(struct cfi_table *table);
