/* SPDX-License-Identifier: Apache-2.0 */
/* Unwind rows of a Go program without .debug_frame. */
#include "symbolizer/go_frames.h"

#include <errno.h>
#include <stdlib.h>

#include "symbolizer/elf.h"
#include "symbolizer/table.h"
#include "tests/go_program.h"
#include "tests/image.h"
#include "tests/unit.h"

static int build(const struct bytes *table, struct cfi_table *rows)
{
	size_t n;
	uint8_t *image = go_program_image(table, true, &n);
	guard_elf struct elf *elf = NULL;
	*rows = (struct cfi_table){0};
	CU_ASSERT_EQUAL(elf_open_memory(image, n, &elf, NULL), 0);
	return table_build(elf, rows, NULL);
}

static void tells_of_depths(void)
{
	struct bytes program = go_program_table(true);
	struct cfi_table table;
	CU_ASSERT_EQUAL_FATAL(build(&program, &table), 0);
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
	free(program.at);
}

/* The run of depths becomes these; the rows that it then makes begin at `pc`, and a gap is last. */
static void makes_rows(const uint8_t run[7], uint32_t n, const uint32_t *pc)
{
	struct bytes program = go_program_table(true);
	struct cfi_table table;
	memcpy(program.at + GO_PROGRAM_DEPTHS, run, 7);
	CU_ASSERT_EQUAL(build(&program, &table), 0);
	CU_ASSERT_EQUAL_FATAL(table.n_rows, n);
	for (uint32_t i = 0; i < n; i++) {
		CU_ASSERT_EQUAL(table.rows[i].pc, IMAGE_OFFSET + pc[i]);
		CU_ASSERT_EQUAL(table.rows[i].rule == UNWIND_NO_RULE, i == n - 1);
	}
	cfi_table_deinit(&table);
	free(program.at);
}

static void told_in_part(void)
{
	makes_rows((const uint8_t[7]){2, 4, 0x30, 0x10}, 3, (const uint32_t[]){0, 4, 0x14});
	/* depths that make no sense: what comes before them stays */
	makes_rows((const uint8_t[7]){2, 4, 0xff, 0xff, 0xff, 0xff, 0x7f}, 2,
		   (const uint32_t[]){0, 4});
	makes_rows((const uint8_t[7]){2, 4, 3, 0x1c}, 2, (const uint32_t[]){0, 4});
}

/* runtime.call1073741824 has the deepest one there is. */
static void deepest_frame(void)
{
	struct bytes program = go_program_table(true);
	struct cfi_table table;
	memcpy(program.at + GO_PROGRAM_DEPTHS, (const uint8_t[7]){0x92, 0x80, 0x80, 0x80, 8, 0x20},
	       7);
	CU_ASSERT_EQUAL_FATAL(build(&program, &table), 0);
	CU_ASSERT_EQUAL_FATAL(table.n_rows, 2);
	CU_ASSERT_EQUAL(table.rules[table.rows[0].rule].offset, 0x40000010);
	cfi_table_deinit(&table);
	free(program.at);
}

static void broken_tables(void)
{
	struct cfi_table table;
	struct bytes program = go_program_table(true);
	const size_t whole = program.n;
	go_program_set(&program, GO_PROGRAM_COUNTERS_AT, UINT64_MAX);
	CU_ASSERT_EQUAL(build(&program, &table), -ENODATA);
	go_program_set(&program, GO_PROGRAM_COUNTERS_AT, GO_PROGRAM_COUNTERS);
	go_program_set(&program, GO_PROGRAM_TEXT, 0); /* to be relocated */
	CU_ASSERT_EQUAL(build(&program, &table), -ENODATA);
	go_program_set(&program, GO_PROGRAM_TEXT, IMAGE_TEXT);
	for (program.n = 1; program.n < whole; program.n++) {
		build(&program, &table);
		cfi_table_deinit(&table);
	}
	free(program.at);
}

SUITE(go_frames, {"tells of depths", tells_of_depths}, {"told in part", told_in_part},
      {"deepest frame", deepest_frame}, {"broken tables", broken_tables});
