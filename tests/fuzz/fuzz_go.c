/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the table of functions of a Go program: what is not 0 of the input changes a good
 * one, of the version that its first byte tells. Names and lines are looked up, and the depths of
 * frames made rows, which must ascend. */
#include <stdlib.h>

#include "symbolizer/elf.h"
#include "symbolizer/go_lines.h"
#include "symbolizer/go_names.h"
#include "symbolizer/symbols.h"
#include "symbolizer/table.h"
#include "tests/go_program.h"
#include "tests/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void look_up(struct go_lines *lines, uint64_t address)
{
	struct dwarf_frame frames[DWARF_FRAMES_MAX];
	char file[4096];
	uint32_t n = go_lines_find(lines, address, frames);
	if (n > DWARF_FRAMES_MAX)
		abort();
	for (uint32_t i = 0; i < n; i++)
		if (dwarf_file(&frames[i], file, sizeof(file)) >= sizeof(file) ||
		    strlen(frames[i].name) > 1 << 20)
			abort();
}

static void make_rows(const struct elf *elf)
{
	struct cfi_table table guard(cfi_table_deinit) = {0};
	if (table_build(elf, &table, NULL))
		return;
	for (uint32_t i = 0; i < table.n_rows; i++)
		if (table.rows[i].rule >= table.n_rules ||
		    (i && table.rows[i].pc <= table.rows[i - 1].pc))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	const bool is_1_20 = bytes && data[0] & 1;
	struct bytes table = go_program_table(is_1_20);
	size_t n;
	if (bytes > table.n)
		bytes_fill(&table, 0, bytes - table.n);
	for (size_t i = 1; i < bytes; i++)
		table.at[i - 1] ^= data[i];
	uint8_t *image = go_program_image(&table, is_1_20, &n);
	free(table.at);
	guard_elf struct elf *elf = NULL;
	guard_symbols struct symbols *symbols = NULL;
	guard_go_lines struct go_lines *lines = NULL;
	if (elf_open_memory(image, n, &elf, NULL) || symbols_new(elf, &symbols))
		abort();
	make_rows(elf);
	(void)go_names_add(symbols, elf);
	if (symbols_finish(symbols) || go_lines_new(elf, &lines))
		return 0;
	for (uint64_t at = 0; at < IMAGE_TEXT_BYTES; at += at < 0x40 ? 4 : 64) {
		(void)symbols_find(symbols, IMAGE_TEXT + at);
		look_up(lines, IMAGE_TEXT + at);
	}
	return 0;
}
