/* SPDX-License-Identifier: Apache-2.0 */
/* Names for the stubs through which code calls other libraries: `malloc@plt`. They have no symbols,
 * but each jumps through a slot that a relocation fills with a named one (psABI x86-64, 5.2). */
#pragma once

struct elf;
struct symbols;

/* Adds them. 0, also where there are none or another machine's; -ENOEXEC: broken relocations; or
 * codes of symbols_add(). */
int plt_add(struct symbols *symbols, const struct elf *elf);
