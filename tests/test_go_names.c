/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/go_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "symbolizer/elf.h"
#include "symbolizer/go_table.h"
#include "symbolizer/symbols.h"
#include "tests/go_program.h"
#include "tests/image.h"
#include "tests/unit.h"

/* Adds from a program with this table; returns the code, and the name at an offset of .text. */
static int add(const struct bytes *table, uint64_t at, char name[16])
{
	size_t n;
	uint8_t *image = go_program_image(table, true, &n);
	guard_elf struct elf *elf = NULL;
	guard_symbols struct symbols *symbols = NULL;
	CU_ASSERT_EQUAL(elf_open_memory(image, n, &elf, NULL), 0);
	CU_ASSERT_TRUE(go_table_is_in(elf));
	CU_ASSERT_EQUAL(symbols_new(elf, &symbols), 0);
	int code = go_names_add(symbols, elf);
	CU_ASSERT_EQUAL(symbols_finish(symbols), 0);
	const char *found = symbols_find(symbols, IMAGE_TEXT + at);
	strcpy(name, found ? found : "");
	return code;
}

static void names_functions(void)
{
	char name[16];
	struct bytes table = go_program_table(true);
	CU_ASSERT_EQUAL(add(&table, 0, name), 0);
	CU_ASSERT_STRING_EQUAL(name, "main.outer");
	CU_ASSERT_EQUAL(add(&table, 0x1f, name), 0);
	CU_ASSERT_STRING_EQUAL(name, "main.outer");
	CU_ASSERT_EQUAL(add(&table, 0x2f, name), 0);
	CU_ASSERT_STRING_EQUAL(name, "main.other");
	CU_ASSERT_EQUAL(add(&table, 0x30, name), 0);
	CU_ASSERT_STRING_EQUAL(name, "");
	free(table.at);
}

/* What a program with this in its table's header makes of it; it names nothing. */
static int add_with(enum go_program_field field, uint64_t value)
{
	char name[16];
	struct bytes table = go_program_table(true);
	go_program_set(&table, field, value);
	int code = add(&table, 0, name);
	if (!code)
		CU_ASSERT_STRING_EQUAL(name, "");
	free(table.at);
	return code;
}

static void other_tables_name_nothing(void)
{
	char name[16];
	struct bytes table = go_program_table(true);
	table.at[0] = 0xfa; /* of another Go */
	CU_ASSERT_EQUAL(add(&table, 0, name), 0);
	CU_ASSERT_STRING_EQUAL(name, "");
	free(table.at);
	CU_ASSERT_EQUAL(add_with(GO_PROGRAM_TEXT, 0), 0); /* to be relocated */
}

static void broken_tables(void)
{
	char name[16];
	struct bytes table = go_program_table(true);
	const size_t whole = table.n;
	CU_ASSERT_EQUAL(add_with(GO_PROGRAM_FUNCTIONS, UINT64_MAX - 4), -ENOEXEC);
	CU_ASSERT_EQUAL(add_with(GO_PROGRAM_N_FUNCTIONS, UINT64_MAX), -ENOEXEC);
	CU_ASSERT_EQUAL(add_with(GO_PROGRAM_NAMES, UINT64_MAX - 2), 0);
	for (table.n = 1; table.n < whole; table.n++)
		add(&table, 0, name);
	free(table.at);
}

SUITE(go_names, {"names functions", names_functions},
      {"other tables name nothing", other_tables_name_nothing}, {"broken tables", broken_tables});
