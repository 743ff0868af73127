/* SPDX-License-Identifier: Apache-2.0 */
/* What the CFI of a Go program does not tell: where the runtime changes stacks, and where it
 * returns from a signal. Known by the names of its functions. */
#pragma once

#include <stdbool.h>

struct cfi_table;
struct elf;

bool table_go_is(const struct elf *elf);
/* Changes the rows of those functions. Without a symbol table, or memory, nothing changes. */
void table_go_patch(const struct elf *elf, struct cfi_table *table);
