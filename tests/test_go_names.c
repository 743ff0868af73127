/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/go_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "symbolizer/elf.h"
#include "symbolizer/go_table.h"
#include "symbolizer/symbols.h"
#include "tests/image.h"
#include "tests/unit.h"

/* Two functions, main.a of 0x20 bytes and main.b of 0x10, as Go 1.20 writes them. */
struct table {
	uint32_t magic;
	uint8_t pad[2], instruction, pointer;
	uint64_t n_functions, n_files, text, names, units, files, counters, functions;
	struct {
		uint32_t entry, function;
	} index[2];
	uint32_t end;
	struct {
		uint32_t entry, name;
	} list[2];
	char texts[16];
} __attribute__((packed));

static const struct table good = {
	.magic = 0xfffffff1,
	.instruction = 1,
	.pointer = 8,
	.n_functions = 2,
	.text = IMAGE_TEXT,
	.names = offsetof(struct table, texts),
	.functions = offsetof(struct table, index),
	.index = {{0, 20}, {0x20, 28}},
	.end = 0x30,
	.list = {{0, 0}, {0x20, 7}},
	.texts = "main.a\0main.b",
};

/* Adds from a program with this table; returns the code, and the name at an offset of .text. */
static int add(const struct table *table, size_t bytes, uint64_t at, char name[16])
{
	size_t n;
	const struct image_section section = {".gopclntab", table, bytes};
	uint8_t *image = image_with(&section, 1, &n);
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
	CU_ASSERT_EQUAL(add(&good, sizeof(good), 0, name), 0);
	CU_ASSERT_STRING_EQUAL(name, "main.a");
	CU_ASSERT_EQUAL(add(&good, sizeof(good), 0x1f, name), 0);
	CU_ASSERT_STRING_EQUAL(name, "main.a");
	CU_ASSERT_EQUAL(add(&good, sizeof(good), 0x2f, name), 0);
	CU_ASSERT_STRING_EQUAL(name, "main.b");
	CU_ASSERT_EQUAL(add(&good, sizeof(good), 0x30, name), 0);
	CU_ASSERT_STRING_EQUAL(name, "");
}

static void other_tables_name_nothing(void)
{
	char name[16];
	struct table table = good;
	table.magic = 0xfffffffa;
	CU_ASSERT_EQUAL(add(&table, sizeof(table), 0, name), 0);
	CU_ASSERT_STRING_EQUAL(name, "");
	table = good;
	table.text = 0; /* to be relocated */
	CU_ASSERT_EQUAL(add(&table, sizeof(table), 0, name), 0);
	CU_ASSERT_STRING_EQUAL(name, "");
}

static void broken_tables(void)
{
	char name[16];
	struct table table = good;
	table.functions = UINT64_MAX - 4;
	CU_ASSERT_EQUAL(add(&table, sizeof(table), 0, name), -ENOEXEC);
	table = good;
	table.n_functions = UINT64_MAX;
	CU_ASSERT_EQUAL(add(&table, sizeof(table), 0, name), -ENOEXEC);
	table = good;
	table.names = UINT64_MAX - 2;
	CU_ASSERT_EQUAL(add(&table, sizeof(table), 0, name), 0);
	CU_ASSERT_STRING_EQUAL(name, "");
	for (size_t bytes = 1; bytes < sizeof(good); bytes++)
		add(&good, bytes, 0, name);
}

SUITE(go_names, {"names functions", names_functions},
      {"other tables name nothing", other_tables_name_nothing}, {"broken tables", broken_tables});
