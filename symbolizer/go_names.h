/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of Go programs, which keep their names also when they are stripped (go_table.h). */
#pragma once

struct elf;
struct symbols;

/* Adds the functions of a program of Go 1.18 or later; of an older one, none. -ENOEXEC: broken;
 * -EFBIG, -ENOMEM. What was added before stays. */
int go_names_add(struct symbols *symbols, const struct elf *elf);
