/* SPDX-License-Identifier: Apache-2.0 */
/* The table of functions that a Go program carries for the language's own traces, also when it is
 * stripped: .gopclntab of Go 1.18 and later (go/src/runtime/symtab.go: pcHeader, moduledata;
 * runtime2.go: _func). For go_*.c and table_go.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "symbolizer/elf.h"

struct go_table {
	struct elf_bytes bytes;
	uint64_t address; /* where the program has it */
	bool is_1_20;	  /* of Go 1.20 or later: functions have one more field */
	uint64_t n_functions;
	uint64_t text; /* addresses of functions count from here */
	/* Offsets in the table: texts; of each unit the offsets of its files; texts; runs of values
	 * by program counter; an index of functions, and what it leads to. */
	uint64_t names, units, files, counters, functions;
};

/* One function, or what the index says of it. */
struct go_function {
	uint64_t address, bytes;
	uint64_t at; /* what is said of it: offset in the table */
	const char *name;
};

bool go_table_is_in(const struct elf *elf);
/* Free with go_table_deinit(). -ENODATA: none, or of an older Go, another machine, or linked so
 * that its addresses are not in the file; -EFBIG; -ENOMEM; -ENOEXEC. */
int go_table_read(const struct elf *elf, struct go_table *table);
void go_table_deinit(struct go_table *table);
#define guard_go_table guard(go_table_deinit)

/* 4 bytes of the table, or false. */
bool go_table_number(const struct go_table *table, uint64_t at, uint32_t *number);
/* The text at `base + offset` of the table; "": outside of it. */
const char *go_table_text(const struct go_table *table, uint64_t base, uint64_t offset);
/* Number `i` of the index; false: it is broken, and ends there. Of a function without code or name
 * `bytes` is 0. */
bool go_table_function(const struct go_table *table, uint64_t i, struct go_function *function);
