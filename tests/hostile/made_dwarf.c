/* SPDX-License-Identifier: Apache-2.0 */
#include <dwarf.h>
#include <stdlib.h>

#include "tests/hostile/dwarf.h"
#include "tests/hostile/made.h"

enum {
	INFO_FIRST = 24, /* offset of a unit's first child */
};

/* A line table of one row. */
static struct bytes few_lines(void)
{
	struct bytes lines = dwarf_lines();
	bytes_fill(&lines, DWARF_ROW, 1);
	dwarf_lines_end(&lines);
	return lines;
}

/* A file with this information, its end to be set, and a plain rest. */
static void plain(struct file *file, struct bytes info_take)
{
	dwarf_end(&info_take);
	dwarf_add(file, info_take, dwarf_abbrevs(), few_lines());
}

static void deep_blocks(struct file *file, uint32_t size)
{
	struct bytes info = dwarf_begin();
	dwarf_function(&info, "outer", FILE_TEXT, FILE_TEXT_BYTES);
	bytes_fill(&info, DWARF_BLOCK, size);
	bytes_fill(&info, 0, size + 1);
	plain(file, info);
}

static void deep_functions(struct file *file, uint32_t size)
{
	struct bytes info = dwarf_begin();
	for (uint32_t i = 0; i < size; i++)
		dwarf_function(&info, "in", FILE_TEXT, FILE_TEXT_BYTES);
	bytes_fill(&info, 0, size);
	plain(file, info);
}

static void deep_inlined(struct file *file, uint32_t size)
{
	struct bytes info = dwarf_begin();
	dwarf_function(&info, "outer", FILE_TEXT, FILE_TEXT_BYTES);
	for (uint32_t i = 0; i < size; i++)
		dwarf_origin(&info, DWARF_INLINED, INFO_FIRST, FILE_TEXT, FILE_TEXT_BYTES);
	bytes_fill(&info, 0, size + 1);
	plain(file, info);
}

/* Functions beside each other that all claim the same code, or parts that overlap. */
static void many_on_one_place(struct file *file, uint32_t size)
{
	struct bytes info = dwarf_begin();
	for (uint32_t i = 0; i < size; i++) {
		dwarf_function(&info, "f", FILE_TEXT + i % 64, FILE_TEXT_BYTES - i % 4096 % 64);
		bytes_number(&info, 0, 1);
	}
	plain(file, info);
}

static void sibling_loops(struct file *file, uint32_t size)
{
	struct bytes info = dwarf_begin();
	const uint32_t to[] = {0, INFO_FIRST, 0xffffffff, 1, 0x7fffffff};
	for (uint32_t i = 0; i < 5000; i++) {
		uint32_t here = (uint32_t)info.n;
		bytes_number(&info, DWARF_TYPE, 1);
		bytes_number(&info, i % 6 == 5 ? here : to[i % 6 % 5], 4);
		bytes_number(&info, 0, 1);
	}
	plain(file, info);
}

static void reference_loops(struct file *file, uint32_t size)
{
	struct bytes info = dwarf_begin();
	/* to itself; each to the other; into the middle; beyond the end; to the header */
	const uint32_t a = (uint32_t)info.n, b = a + 17;
	dwarf_origin(&info, DWARF_ORIGIN, a, FILE_TEXT, 64);
	dwarf_origin(&info, DWARF_ORIGIN, b + 17, FILE_TEXT + 64, 64);
	dwarf_origin(&info, DWARF_ORIGIN, b, FILE_TEXT + 128, 64);
	dwarf_origin(&info, DWARF_ORIGIN, a + 3, FILE_TEXT + 192, 64);
	dwarf_origin(&info, DWARF_ORIGIN, 0xfffffff0, FILE_TEXT + 256, 64);
	dwarf_origin(&info, DWARF_ORIGIN, 0, FILE_TEXT + 320, 64);
	const uint32_t chain = (uint32_t)info.n;
	for (uint32_t i = 0; i < 100000; i++) {
		bytes_number(&info, DWARF_SPECIFICATION, 1);
		bytes_number(&info, i + 1 < 100000 ? info.n + 4 : chain, 4);
	}
	dwarf_origin(&info, DWARF_ORIGIN, chain, FILE_TEXT + 512, 64);
	plain(file, info);
}

/* Entries of the alternate file, which are those of this one: in circles, and behind its end. */
static void alt_loops(struct file *file, uint32_t size)
{
	struct bytes info = dwarf_begin();
	const uint32_t first = (uint32_t)info.n;
	for (uint32_t i = 0; i < 64; i++)
		dwarf_origin(&info, DWARF_ALT,
			     i % 4 == 3 ? 0xfffffff0 : first + 17 * ((i + 1) % 64),
			     FILE_TEXT + 16ull * i, 16);
	plain(file, info);
}

/* Units that import themselves and each other, many times. */
static void import_loops(struct file *file, uint32_t size)
{
	struct bytes all = {0};
	for (uint32_t unit = 0; unit < 16; unit++) {
		struct bytes info = dwarf_begin();
		for (uint32_t i = 0; i < size / 16; i++) {
			bytes_number(&info, DWARF_IMPORT, 1);
			bytes_number(&info, i % 16 * (INFO_FIRST + 1) + 11, 4);
		}
		dwarf_end(&info);
		bytes_raw(&all, info.at, info.n);
		free(info.at);
	}
	dwarf_add(file, all, dwarf_abbrevs(), few_lines());
}

/* As many units as there is room for, each with all of the code, all at one table of lines. */
static void many_units(struct file *file, uint32_t size)
{
	struct bytes all = {0}, info = dwarf_begin(), lines = dwarf_lines();
	dwarf_end(&info);
	for (uint32_t i = 0; i < size; i++)
		bytes_raw(&all, info.at, info.n);
	free(info.at);
	bytes_fill(&lines, DWARF_ROW, size);
	dwarf_lines_end(&lines);
	dwarf_add(file, all, dwarf_abbrevs(), lines);
}

/* Each unit needs the last one of a great many abbreviations. */
static void many_abbrevs(struct file *file, uint32_t size)
{
	struct bytes abbrev = {0}, all = {0};
	for (uint32_t i = size; i > 0; i--) {
		bytes_uleb(&abbrev, i);
		const uint8_t none[] = {DW_TAG_compile_unit, 0, 0, 0};
		bytes_raw(&abbrev, none, sizeof(none));
	}
	bytes_number(&abbrev, 0, 1);
	struct bytes info = dwarf_begin();
	dwarf_end(&info);
	for (uint32_t i = 0; i < size; i++)
		bytes_raw(&all, info.at, info.n);
	free(info.at);
	dwarf_add(file, all, abbrev, few_lines());
}

/* Entries whose attributes take no bytes: much to do for every byte. */
static void attributes_for_nothing(struct file *file, uint32_t size)
{
	struct bytes abbrev = dwarf_abbrevs(), info = dwarf_begin();
	abbrev.n--;
	const uint8_t head[] = {0x7f, DW_TAG_base_type, 0};
	bytes_raw(&abbrev, head, sizeof(head));
	for (uint32_t i = 0; i < size; i++) {
		const uint8_t nothing[] = {DW_AT_external, DW_FORM_flag_present};
		bytes_raw(&abbrev, nothing, sizeof(nothing));
	}
	bytes_number(&abbrev, 0, 3);
	bytes_fill(&info, 0x7f, size);
	dwarf_end(&info);
	dwarf_add(file, info, abbrev, few_lines());
}

/* One entry of very many attributes, which the unit does not need. */
static void many_attributes(struct file *file, uint32_t size)
{
	struct bytes abbrev = {0}, info = dwarf_begin();
	const uint8_t head[] = {0x7e, DW_TAG_base_type, 0};
	bytes_raw(&abbrev, head, sizeof(head));
	bytes_fill(&abbrev, 1, 2 * (size_t)size);
	bytes_number(&abbrev, 0, 2);
	struct bytes plain_ones = dwarf_abbrevs();
	bytes_raw(&abbrev, plain_ones.at, plain_ones.n);
	free(plain_ones.at);
	dwarf_function(&info, "f", FILE_TEXT, 64);
	bytes_number(&info, 0, 1);
	dwarf_end(&info);
	dwarf_add(file, info, abbrev, few_lines());
}

static void many_rows(struct file *file, uint32_t size)
{
	struct bytes info = dwarf_begin(), lines = dwarf_lines();
	dwarf_end(&info);
	bytes_fill(&lines, DWARF_ROW, size);
	dwarf_lines_end(&lines);
	dwarf_add(file, info, dwarf_abbrevs(), lines);
}

/* Rows in sequences of one each, the last ones first. */
static void many_sequences(struct file *file, uint32_t size)
{
	struct bytes info = dwarf_begin(), lines = dwarf_lines();
	dwarf_end(&info);
	for (uint32_t i = 0; i < size; i++) {
		bytes_number(&lines, 0x020900, 3);
		bytes_number(&lines, FILE_TEXT + (size - i) % FILE_TEXT_BYTES, 8);
		bytes_number(&lines, DWARF_ROW, 1);
		bytes_number(&lines, 0x010100, 3);
	}
	dwarf_lines_end(&lines);
	dwarf_add(file, info, dwarf_abbrevs(), lines);
}

/* One list of ranges, gone through for each of many functions. */
static void ranges_times_functions(struct file *file, uint32_t size)
{
	struct bytes info = dwarf_begin(), ranges = {0};
	for (uint32_t i = 0; i < size; i++) {
		bytes_number(&ranges, 8 * (i % 400), 8);
		bytes_number(&ranges, 8 * (i % 400) + 4, 8);
	}
	bytes_fill(&ranges, 0, 16);
	for (uint32_t i = 0; i < size; i++) {
		bytes_number(&info, DWARF_RANGED, 1);
		bytes_text(&info, "r");
		bytes_number(&info, 0, 4);
		bytes_number(&info, 0, 1);
	}
	plain(file, info);
	file_add(file, ".debug_ranges", ranges);
}

/* A name as long as the file, for each of many functions. */
static void long_names(struct file *file, uint32_t size)
{
	struct bytes info = dwarf_begin(), name = {0};
	bytes_fill(&name, 'n', size);
	bytes_number(&name, 0, 1);
	for (int i = 0; i < 16; i++)
		dwarf_function(&info, (const char *)name.at, FILE_TEXT + 16 * (uint64_t)i, 16);
	bytes_fill(&info, 0, 16);
	free(name.at);
	plain(file, info);
}

/* One entry with a very long name, which is looked for 64 times for each address. */
static void names_again(struct file *file, uint32_t size)
{
	enum {
		DEEP = 64
	};
	struct bytes info = dwarf_begin(), name = {0};
	const uint32_t named = (uint32_t)info.n;
	bytes_fill(&name, 'n', size);
	bytes_number(&name, 0, 1);
	dwarf_function(&info, (const char *)name.at, 0, 0);
	bytes_number(&info, 0, 1);
	dwarf_function(&info, "outer", FILE_TEXT, FILE_TEXT_BYTES);
	for (int i = 0; i < DEEP; i++)
		dwarf_origin(&info, DWARF_INLINED, named, FILE_TEXT, FILE_TEXT_BYTES);
	bytes_fill(&info, 0, DEEP + 1);
	free(name.at);
	plain(file, info);
}

/* Names in units with a great many abbreviations each, which are to be read for one name. */
static void abbrevs_again(struct file *file, uint32_t size)
{
	enum {
		UNITS = 64
	};
	struct bytes abbrev = dwarf_abbrevs(), all = {0}, info = dwarf_begin();
	uint32_t at[UNITS];
	abbrev.n--;
	for (uint32_t i = size + 200; i > 200; i--) {
		const uint8_t none[] = {DW_TAG_base_type, 0, 0, 0};
		bytes_uleb(&abbrev, i);
		bytes_raw(&abbrev, none, sizeof(none));
	}
	bytes_number(&abbrev, 0, 1);
	/* The first unit has the code; references to the others are by offset in the section. */
	const uint32_t first_bytes = (uint32_t)info.n + 17 * UNITS + 1;
	struct bytes other = dwarf_begin();
	const uint32_t in_other = (uint32_t)other.n;
	dwarf_function(&other, "f", 0, 0);
	bytes_number(&other, 0, 1);
	dwarf_end(&other);
	for (uint32_t i = 0; i < UNITS; i++) {
		at[i] = first_bytes + i * (uint32_t)other.n + in_other;
		dwarf_origin(&info, DWARF_ORIGIN, at[i], FILE_TEXT + 64ull * i, 64);
	}
	dwarf_end(&info);
	bytes_raw(&all, info.at, info.n);
	for (uint32_t i = 0; i < UNITS; i++)
		bytes_raw(&all, other.at, other.n);
	free(info.at);
	free(other.at);
	dwarf_add(file, all, abbrev, few_lines());
}

/* DWARF 5 with counts that promise more than there is. */
static void huge_counts(struct file *file, uint32_t size)
{
	struct bytes info = dwarf_begin(), lines = {0}, offsets = {0};
	const uint8_t head[] = {8, 0};
	bytes_number(&lines, 0, 4);
	bytes_number(&lines, 5, 2);
	bytes_raw(&lines, head, sizeof(head));
	bytes_number(&lines, 400, 4);
	const uint8_t machine[] = {1, 1, 1, (uint8_t)-5, 14, 1, 16};
	bytes_raw(&lines, machine, sizeof(machine));
	for (int i = 0; i < 16; i++) {
		const uint8_t format[] = {DW_LNCT_path, DW_FORM_flag_present};
		bytes_raw(&lines, format, sizeof(format));
	}
	bytes_uleb(&lines, UINT64_MAX);
	bytes_fill(&lines, 0xff, 1000);
	memcpy(lines.at, &(uint32_t){(uint32_t)lines.n - 4}, 4);
	bytes_fill(&offsets, 0xff, 64);
	dwarf_end(&info);
	dwarf_add(file, info, dwarf_abbrevs(), lines);
	file_add(file, ".debug_str_offsets", offsets);
}

const struct made made_dwarf[] = {
	{"deep-blocks", deep_blocks, 1000000},
	{"deep-functions", deep_functions, 1000000},
	{"deep-inlined", deep_inlined, 1000000},
	{"many-on-one-place", many_on_one_place, 1000000},
	{"sibling-loops", sibling_loops},
	{"reference-loops", reference_loops},
	{"alt-loops", alt_loops},
	{"import-loops", import_loops, 1000000},
	{"many-units", many_units, 1000000},
	{"many-abbrevs", many_abbrevs, 1000000},
	{"attributes-for-nothing", attributes_for_nothing, 1000000},
	{"many-attributes", many_attributes, 200000000},
	{"many-rows", many_rows, 20000000},
	{"many-sequences", many_sequences, 2000000},
	{"ranges-times-functions", ranges_times_functions, 1000000},
	{"long-names", long_names, 1 << 20},
	{"names-again", names_again, 200 << 20},
	{"abbrevs-again", abbrevs_again, 1000000},
	{"huge-counts", huge_counts},
	{0},
};
