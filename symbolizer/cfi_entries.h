/* SPDX-License-Identifier: Apache-2.0 */
/* The CIEs and FDEs of the sections, found by walking them from front to back. For cfi*.c only. */
#pragma once

#include <stdint.h>
#include "symbolizer/cfi.h"
#include "symbolizer/cfi_state.h"

struct cfi_fde {
	uint32_t start, end; /* file offsets, clipped to executable bytes of the file */
	uint64_t vaddr;	     /* of start */
	uint64_t n;	     /* bytes of code as the FDE has it: its program's end */
	uint32_t cie;	     /* index */
	uint32_t program;    /* offset in its section */
	uint32_t n_program;
};

struct cfi_entries {
	struct cfi_cie *cies; /* by section and offset */
	uint32_t n_cies, cies_room;
	struct cfi_fde *fdes; /* by start; the first section's first */
	uint32_t n_fdes, fdes_room;
};

/* 0, -ENOMEM, -E2BIG. What is broken is counted and left out. */
int cfi_entries_read(const struct cfi_source *source, struct cfi_entries *entries,
		     struct cfi_counts *counts);
void cfi_entries_deinit(struct cfi_entries *entries);
