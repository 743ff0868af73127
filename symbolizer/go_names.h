/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of Go programs, which keep their names for the language's own traces also when they are
 * stripped (.gopclntab; go/src/internal/abi/symtab.go, runtime/symtab.go: pcHeader). */
#pragma once

#include <stdbool.h>

struct elf;
struct symbols;

bool go_names_has(const struct elf *elf);
/* Adds the functions of a program of Go 1.18 or later; of an older one, none. -ENOEXEC: broken;
 * -EFBIG, -ENOMEM. What was added before stays. */
int go_names_add(struct symbols *symbols, const struct elf *elf);
