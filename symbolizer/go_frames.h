/* SPDX-License-Identifier: Apache-2.0 */
/* Call frame information of Go programs that have none: linked without DWARF (-ldflags=-w), or
 * stripped. .gopclntab has how deep the stack is at each place of a function, from which Go's
 * linker writes .debug_frame (go/src/cmd/link/internal/ld/dwarf.go: writeframes); so does this. */
#pragma once

struct elf;
struct elf_bytes;

/* The section, which stands for one at address 0. Codes of go_table_read(); -EFBIG: it would be too
 * big. Of a function that is told wrongly what comes before is told. */
int go_frames_write(const struct elf *elf, struct elf_bytes *section);
