/* SPDX-License-Identifier: Apache-2.0 */
/* The record of one address being written (struct worker_name of common/worker.h): function after
 * function, innermost inline first. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/worker.h"

struct dwarf_frame;

enum {
	NAME_RECORD_BYTES = 63 << 10, /* fits a packet */
};

struct name_record {
	uint8_t *bytes; /* the caller's, NAME_RECORD_BYTES of them, aligned to 8 */
	size_t n;
	size_t readable_most; /* of a name that was mangled */
	struct worker_name head;
};

/* What a line says besides its function's symbol; no NULLs. */
struct name_record_details {
	const char *name; /* without a symbol */
	const char *file, *module;
	uint32_t line, start_line;
};

void name_record_begin(struct name_record *record, void *bytes, uint64_t vaddr);
/* One line; `symbol` is mangled, or "". */
void name_record_line(struct name_record *record, const char *symbol,
		      const struct name_record_details *details);
/* A chain of n frames, at least one, of an empty record. The last is the function itself, which
 * goes by its symbol (NULL: none). Where names are so long that the chain has no room, demangled
 * ones are cut, and what has no room even so is left out before the function. */
void name_record_chain(struct name_record *record, const struct dwarf_frame *frames, uint32_t n,
		       const char *symbol);
/* Returns the record's bytes. */
size_t name_record_end(struct name_record *record);
