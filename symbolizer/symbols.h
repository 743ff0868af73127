/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of one object by address. Symbols are collected from tables, then laid out once as
 * disjoint ranges: a lookup is one binary search, and an address outside every function has no
 * name: the nearest symbol is not guessed.
 *
 * Which symbols: functions (FUNC, IFUNC), and untyped ones (hand-written assembler) that lie in
 * code. A symbol reaches as far as its size says. One of size 0 reaches to the next symbol or the
 * end of its section, and counts only where no sized symbol covers it. Where functions are nested
 * the innermost names the address. Of several at one address the name is chosen: sized before size
 * 0, functions before untyped, global and weak before local, fewer leading underscores, global
 * before weak, shorter, then first in the table. */
#pragma once

#include <stdint.h>

#include "common/guard.h"

struct elf;
struct symbols;

enum {
	SYMBOLS_MAX = 4 << 20,	       /* the largest debug files of browsers have 2 million */
	SYMBOLS_NAMES_MAX = 256 << 20, /* bytes of all string tables together */
};

/* Empty; the code sections of `elf` decide which addresses can be functions. -ENOMEM. */
int symbols_new(const struct elf *elf, struct symbols **symbols);
void symbols_free(struct symbols *symbols);
GUARD_DEFINE(symbols, struct symbols *, symbols_free)
#define guard_symbols guard(guard_symbols)

/* Adds the symbols of a table (SHT_SYMTAB or SHT_DYNSYM) of this file, the object itself or a debug
 * file of it. 0 also if there is no such table; -ENOEXEC: it is broken; -EFBIG: beyond the limits;
 * -ENOMEM. What was added before stays. */
int symbols_add_table(struct symbols *symbols, const struct elf *elf, uint32_t section_type);
/* Adds one more, which wins over no symbol of a table at the same address. -EFBIG, -ENOMEM. */
int symbols_add(struct symbols *symbols, uint64_t address, uint64_t bytes, const char *name);
/* Lays out the ranges; after that nothing can be added. -ENOMEM. */
int symbols_finish(struct symbols *symbols);

/* Symbols taken in. */
uint32_t symbols_n(const struct symbols *symbols);
/* The name of the function at an ELF address (borrowed, may be of any length and hold any byte), or
 * NULL. */
const char *symbols_find(const struct symbols *symbols, uint64_t address);
