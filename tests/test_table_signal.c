/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/table_signal.h"

#include <stdlib.h>
#include <string.h>

#include "symbolizer/cfi.h"
#include "symbolizer/elf.h"
#include "symbolizer/table.h"
#include "tests/image.h"
#include "tests/unit.h"

enum {
	AT = 0x123, /* in .text */
};
static const uint8_t sigreturn[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};

/* A program without any CFI, with the instructions at one place, or without. */
static struct elf *program(bool has_it)
{
	size_t bytes;
	struct elf *elf = NULL;
	uint8_t *image = image_with(NULL, 0, &bytes);
	if (has_it)
		memcpy(image + IMAGE_OFFSET + AT, sigreturn, sizeof(sigreturn));
	CU_ASSERT_EQUAL(elf_open_memory(image, bytes, &elf, NULL), 0);
	return elf;
}

static void found_by_instructions(void)
{
	struct table_signal_place places[TABLE_SIGNAL_PLACES];
	guard_elf struct elf *with = program(true), *without = program(false);
	CU_ASSERT_EQUAL(table_signal_places(without, places), 0);
	CU_ASSERT_EQUAL(table_signal_places(with, places), 1);
	CU_ASSERT_EQUAL(places[0].address, IMAGE_TEXT + AT);
	CU_ASSERT_EQUAL(places[0].offset, IMAGE_OFFSET + AT);
	with->segments[0].p_type = PT_INTERP;
	CU_ASSERT_EQUAL(table_signal_places(with, places), 0);
}

static const struct unwind_rule *rule_at(const struct cfi_table *table, uint32_t pc)
{
	return &table->rules[table_signal_rule_at(table, pc)];
}

static void rows_where_there_were_none(void)
{
	guard_elf struct elf *with = program(true), *without = program(false);
	struct cfi_table table guard(cfi_table_deinit) = {0}, none guard(cfi_table_deinit) = {0};
	const uint32_t at = IMAGE_OFFSET + AT;
	CU_ASSERT_TRUE(table_build(without, &none, NULL) < 0);
	CU_ASSERT_EQUAL(table_build(with, &table, NULL), 0);
	CU_ASSERT_EQUAL(table.n_rows, 2);
	CU_ASSERT_EQUAL(table.n_rules, 2);
	CU_ASSERT_EQUAL(rule_at(&table, at - 2)->cfa, UNWIND_CFA_NONE);
	for (uint32_t i = at - 1; i < at + TABLE_SIGNAL_BYTES; i++) {
		CU_ASSERT_EQUAL(rule_at(&table, i)->cfa, UNWIND_CFA_SIGNAL);
		CU_ASSERT_EQUAL(rule_at(&table, i)->signal, 1);
	}
	CU_ASSERT_EQUAL(rule_at(&table, at + TABLE_SIGNAL_BYTES)->cfa, UNWIND_CFA_NONE);
	/* Where rows are there already they stay. */
	table_signal_patch(with, &table);
	CU_ASSERT_EQUAL(table.n_rows, 2);
}

/* Of which the daemon would take none. */
static void no_rows_too_many(void)
{
	struct cfi_table table guard(cfi_table_deinit) = {.n_rows = UNWIND_ROWS_MAX - 1};
	table.rows = calloc(table.n_rows, sizeof(*table.rows));
	for (uint32_t i = 0; i < table.n_rows; i++)
		table.rows[i].pc = 16 * i;
	table_signal_add(&table, 0x101, 0x102);
	CU_ASSERT_EQUAL(table.n_rows, UNWIND_ROWS_MAX - 1);
	table.n_rows--;
	table_signal_add(&table, 0x101, 0x102);
	CU_ASSERT_EQUAL(table.n_rows, UNWIND_ROWS_MAX);
	CU_ASSERT_EQUAL(table_signal_rule_at(&table, 0x101), 1);
}

SUITE(table_signal, {"found by instructions", found_by_instructions},
      {"rows where there were none", rows_where_there_were_none},
      {"no rows too many", no_rows_too_many});
