/* SPDX-License-Identifier: Apache-2.0 */
/* Unwind rows of a Go program without .debug_frame. */
#include "symbolizer/go_frames.h"

#include <errno.h>
#include <stdlib.h>

#include "symbolizer/elf.h"
#include "symbolizer/table.h"
#include "tests/image.h"
#include "tests/unit.h"

/* Two functions, as Go 1.20 writes them: of 0x20 bytes, 0x18 deep from its byte 4 to its byte 0x1c;
 * and of 0x10 bytes, of which nothing is told. */
struct table {
	uint32_t magic;
	uint8_t pad[2], instruction, pointer;
	uint64_t n_functions, n_files, text, names, units, files, counters, functions;
	struct {
		uint32_t entry, function;
	} index[2];
	uint32_t end;
	struct {
		uint32_t entry, name, arguments, deferred, depths;
	} list[2];
	uint8_t runs[9];
	char texts[16];
} __attribute__((packed));

static const struct table good = {
	.magic = 0xfffffff1,
	.instruction = 1,
	.pointer = 8,
	.n_functions = 2,
	.text = IMAGE_TEXT,
	.names = offsetof(struct table, texts),
	.counters = offsetof(struct table, runs),
	.functions = offsetof(struct table, index),
	.index = {{0, 20}, {0x20, 40}},
	.end = 0x30,
	.list = {{0, 0, 0, 0, 1}, {0x20, 7, 0, 0, 0}},
	.runs = {0, 2, 4, 0x30, 0x18, 0x2f, 4, 0},
	.texts = "main.a\0main.b",
};

static int build(const struct table *table, size_t bytes, struct cfi_table *rows)
{
	size_t n;
	const struct image_section section = {".gopclntab", table, bytes};
	uint8_t *image = image_with(&section, 1, &n);
	guard_elf struct elf *elf = NULL;
	*rows = (struct cfi_table){0};
	CU_ASSERT_EQUAL(elf_open_memory(image, n, &elf, NULL), 0);
	return table_build(elf, rows, NULL);
}

static void tells_of_depths(void)
{
	struct cfi_table table;
	CU_ASSERT_EQUAL_FATAL(build(&good, sizeof(good), &table), 0);
	static const struct {
		uint32_t at;
		int32_t offset, rbp;
	} rows[] = {{0, 8, 0}, {4, 0x20, -2}, {0x1c, 8, 0}};
	CU_ASSERT_EQUAL_FATAL(table.n_rows, 4);
	for (int i = 0; i < 3; i++) {
		const struct unwind_rule *rule = &table.rules[table.rows[i].rule];
		CU_ASSERT_EQUAL(table.rows[i].pc, IMAGE_OFFSET + rows[i].at);
		CU_ASSERT(rule->cfa == UNWIND_CFA_REGISTER && rule->cfa_register == 7);
		CU_ASSERT(rule->ra == UNWIND_RA_SAVED && rule->ra_offset == -1);
		CU_ASSERT_EQUAL(rule->offset, rows[i].offset);
		CU_ASSERT_EQUAL(rule->saved[1], rows[i].rbp);
	}
	CU_ASSERT_EQUAL(table.rows[3].pc, IMAGE_OFFSET + 0x20);
	CU_ASSERT_EQUAL(table.rows[3].rule, UNWIND_NO_RULE);
	cfi_table_deinit(&table);
}

static void broken_tables(void)
{
	struct cfi_table table;
	struct table broken = good;
	broken.runs[3] = 0xff; /* a depth that makes no sense: what comes before it stays */
	broken.runs[4] = broken.runs[5] = broken.runs[6] = 0xff;
	broken.runs[7] = 0x7f;
	CU_ASSERT_EQUAL(build(&broken, sizeof(broken), &table), 0);
	CU_ASSERT_EQUAL(table.n_rows, 2);
	cfi_table_deinit(&table);
	broken = good;
	broken.counters = UINT64_MAX;
	CU_ASSERT_EQUAL(build(&broken, sizeof(broken), &table), -ENODATA);
	broken = good;
	broken.text = 0; /* to be relocated */
	CU_ASSERT_EQUAL(build(&broken, sizeof(broken), &table), -ENODATA);
	for (size_t bytes = 1; bytes < sizeof(good); bytes++) {
		build(&good, bytes, &table);
		cfi_table_deinit(&table);
	}
}

SUITE(go_frames, {"tells of depths", tells_of_depths}, {"broken tables", broken_tables});
