/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/symbols.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <unistd.h>

#include "symbolizer/elf.h"
#include "tests/image.h"
#include "tests/unit.h"

#define FUNC(name, address, bytes)                                                                 \
	{                                                                                          \
		name, address, bytes, STT_FUNC, STB_GLOBAL                                         \
	}

static struct symbols *index_of(const struct image_symbol *list, uint32_t n)
{
	size_t bytes;
	uint8_t *image = image_new(list, n, &bytes);
	guard_elf struct elf *elf = NULL;
	struct symbols *symbols = NULL;
	CU_ASSERT_EQUAL(elf_open_memory(image, bytes, &elf, NULL), 0);
	CU_ASSERT_EQUAL(symbols_new(elf, &symbols), 0);
	CU_ASSERT_EQUAL(symbols_add_table(symbols, elf, SHT_SYMTAB), 0);
	CU_ASSERT_EQUAL(symbols_add_table(symbols, elf, SHT_DYNSYM), 0);
	CU_ASSERT_EQUAL(symbols_finish(symbols), 0);
	return symbols;
}

static void is(const struct symbols *symbols, uint64_t address, const char *expected)
{
	const char *name = symbols_find(symbols, address);
	CU_ASSERT_STRING_EQUAL(name ? name : "", expected);
	if (strcmp(name ? name : "", expected))
		fprintf(stderr, "%#lx: %s, not %s\n", address, name ? name : "nothing", expected);
}

static void gaps_have_no_name(void)
{
	const struct image_symbol list[] = {FUNC("one", 0x1100, 0x10), FUNC("two", 0x1200, 0x10)};
	guard_symbols struct symbols *symbols = index_of(list, 2);
	CU_ASSERT_EQUAL(symbols_n(symbols), 2);
	is(symbols, 0x10ff, "");
	is(symbols, 0x1100, "one");
	is(symbols, 0x110f, "one");
	is(symbols, 0x1110, "");
	is(symbols, 0x1200, "two");
	is(symbols, 0x1210, "");
	is(symbols, 0, "");
	is(symbols, UINT64_MAX, "");
}

static void the_innermost_names_an_address(void)
{
	const struct image_symbol list[] = {
		FUNC("outer", 0x1100, 0x100), FUNC("inner", 0x1140, 0x20),
		FUNC("core", 0x1148, 8),      FUNC("overlaps", 0x11f0, 0x20),
		FUNC("same", 0x1100, 0x180),
	};
	guard_symbols struct symbols *symbols = index_of(list, 5);
	is(symbols, 0x1100, "same"); /* shorter */
	is(symbols, 0x1140, "inner");
	is(symbols, 0x1148, "core");
	is(symbols, 0x1150, "inner");
	is(symbols, 0x1160, "same");
	is(symbols, 0x11f0, "overlaps");
	is(symbols, 0x120f, "overlaps");
	is(symbols, 0x1210, "same");
	is(symbols, 0x1280, "");
}

static void size_0_reaches_to_the_next(void)
{
	const struct image_symbol list[] = {
		{"loop", 0x1000, 0, STT_NOTYPE, STB_LOCAL},  FUNC("sized", 0x1010, 0x20),
		{"label", 0x1018, 0, STT_NOTYPE, STB_LOCAL}, FUNC("last", 0x1100, 0),
		{"data", 0x1110, 8, STT_OBJECT, STB_GLOBAL},
	};
	guard_symbols struct symbols *symbols = index_of(list, 5);
	is(symbols, 0x100f, "loop");
	is(symbols, 0x1018, "sized");
	is(symbols, 0x102f, "sized");
	is(symbols, 0x1030, "");
	is(symbols, 0x1118, "last");
	is(symbols, IMAGE_TEXT + IMAGE_TEXT_BYTES - 1, "last");
	is(symbols, IMAGE_TEXT + IMAGE_TEXT_BYTES, "");
}

static void of_several_names_the_best(void)
{
	const struct image_symbol list[] = {
		{"local", 0x1100, 8, STT_FUNC, STB_LOCAL},
		{"__libc_write", 0x1100, 8, STT_FUNC, STB_GLOBAL},
		{"__write", 0x1100, 8, STT_FUNC, STB_GLOBAL},
		{"write", 0x1100, 8, STT_FUNC, STB_WEAK},
		{"a", 0x1100, 0, STT_FUNC, STB_GLOBAL},
		{"b", 0x1100, 8, STT_NOTYPE, STB_GLOBAL},
		{"weak", 0x1200, 8, STT_FUNC, STB_WEAK},
		{"glob", 0x1200, 8, STT_FUNC, STB_GLOBAL},
		{"first", 0x1300, 8, STT_FUNC, STB_GLOBAL},
		{"later", 0x1300, 8, STT_FUNC, STB_GLOBAL},
		{"$x", 0x1400, 0, STT_NOTYPE, STB_LOCAL},
		{"", 0x1400, 8, STT_FUNC, STB_LOCAL},
		{"outside", 0x9000, 8, STT_FUNC, STB_GLOBAL},
	};
	guard_symbols struct symbols *symbols = index_of(list, 13);
	is(symbols, 0x1104, "write");
	is(symbols, 0x1204, "glob");
	is(symbols, 0x1304, "first");
	is(symbols, 0x1404, "");
	is(symbols, 0x9004, "");
}

static void sizes_may_lie(void)
{
	const struct image_symbol list[] = {FUNC("wraps", 0x1100, UINT64_MAX - 8),
					    FUNC("huge", 0x1200, 1ull << 60),
					    FUNC("two", 0x1300, 8)};
	guard_symbols struct symbols *symbols = index_of(list, 3);
	is(symbols, 0x1100, "");
	is(symbols, 0x1200, "huge");
	is(symbols, 0x1300, "two");
	is(symbols, 0x1308, "huge");
}

/* Every function of a real table, by libelf: what is found at its start begins there or within
 * it, and what is found in its middle covers that. */
static void agrees_with_libelf(const char *path, unsigned at_least)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	guard_elf struct elf *elf = NULL;
	guard_symbols struct symbols *symbols = NULL;
	CU_ASSERT_EQUAL(elf_open(dup(fd), &elf, NULL), 0);
	CU_ASSERT_EQUAL(symbols_new(elf, &symbols), 0);
	CU_ASSERT_EQUAL(symbols_add_table(symbols, elf, SHT_SYMTAB), 0);
	CU_ASSERT_EQUAL(symbols_add_table(symbols, elf, SHT_DYNSYM), 0);
	CU_ASSERT_EQUAL(symbols_finish(symbols), 0);
	elf_version(EV_CURRENT);
	Elf *other = elf_begin(fd, ELF_C_READ, NULL);
	unsigned checked = 0, wrong = 0;
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(other, scn));) {
		GElf_Shdr header;
		gelf_getshdr(scn, &header);
		if (header.sh_type != SHT_SYMTAB && header.sh_type != SHT_DYNSYM)
			continue;
		Elf_Data *data = elf_getdata(scn, NULL);
		GElf_Sym symbol;
		for (int i = 0; gelf_getsym(data, i, &symbol); i++) {
			if (GELF_ST_TYPE(symbol.st_info) != STT_FUNC || !symbol.st_size ||
			    symbol.st_shndx == SHN_UNDEF)
				continue;
			const char *expected = elf_strptr(other, header.sh_link, symbol.st_name);
			const char *name = symbols_find(symbols, symbol.st_value);
			checked++;
			/* Another name of the same function is right too; count the plain case. */
			wrong += !name ||
				 !symbols_find(symbols, symbol.st_value + symbol.st_size - 1);
			if (name && strcmp(name, expected) == 0)
				wrong += symbols_find(symbols,
						      symbol.st_value + symbol.st_size / 2) == NULL;
		}
	}
	elf_end(other);
	close(fd);
	CU_ASSERT_TRUE(checked >= at_least);
	CU_ASSERT_EQUAL(wrong, 0);
}

static void agrees_on_real_files(void)
{
	agrees_with_libelf("/proc/self/exe", 300);
	agrees_with_libelf(image_library("/libc.so.6"), 1000);
}

SUITE(symbols, {"gaps have no name", gaps_have_no_name},
      {"the innermost names an address", the_innermost_names_an_address},
      {"size 0 reaches to the next", size_0_reaches_to_the_next},
      {"of several names the best", of_several_names_the_best}, {"sizes may lie", sizes_may_lie},
      {"agrees with libelf", agrees_on_real_files});
