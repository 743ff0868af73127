/* SPDX-License-Identifier: Apache-2.0 */
/* Debugging information made to hang or break its reader: each costs lines, nothing else. The time
 * limit of the runner and the sanitizers judge. */
#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "symbolizer/dwarf.h"
#include "symbolizer/elf.h"
#include "tests/image.h"
#include "tests/unit.h"

/* Bytes being written, never beyond their room. */
struct bytes {
	uint8_t *at;
	size_t n, room;
};
static struct bytes bytes_new(size_t room)
{
	return (struct bytes){.at = calloc(1, room), .room = room};
}
static void put(struct bytes *b, uint64_t value, size_t n)
{
	for (size_t i = 0; i < n && b->n < b->room; i++)
		b->at[b->n++] = (uint8_t)(value >> 8 * i);
}
static void put_many(struct bytes *b, const char *raw, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put(b, (uint8_t)raw[i], 1);
}

enum {
	WORK_MAX = 16 << 20,
};
enum {
	UNIT = 1, /* abbreviations: what all units here use */
	FUNCTION,
	BLOCK,
	ORIGIN, /* a function that refers to another entry */
	TYPE,	/* a type with a sibling */
};

static struct bytes abbrevs(void)
{
	static const char raw[] = {UNIT,
				   DW_TAG_compile_unit,
				   1,
				   DW_AT_low_pc,
				   DW_FORM_addr,
				   DW_AT_high_pc,
				   DW_FORM_data4,
				   DW_AT_stmt_list,
				   DW_FORM_sec_offset,
				   0,
				   0, //
				   FUNCTION,
				   DW_TAG_subprogram,
				   1,
				   DW_AT_name,
				   DW_FORM_string,
				   DW_AT_low_pc,
				   DW_FORM_addr,
				   DW_AT_high_pc,
				   DW_FORM_data4,
				   0,
				   0, //
				   BLOCK,
				   DW_TAG_lexical_block,
				   1,
				   0,
				   0, //
				   ORIGIN,
				   DW_TAG_subprogram,
				   0,
				   DW_AT_abstract_origin,
				   DW_FORM_ref4,
				   DW_AT_low_pc,
				   DW_FORM_addr,
				   DW_AT_high_pc,
				   DW_FORM_data4,
				   0,
				   0, //
				   TYPE,
				   DW_TAG_structure_type,
				   1,
				   DW_AT_sibling,
				   DW_FORM_ref4,
				   0,
				   0,
				   0};
	struct bytes b = bytes_new(sizeof(raw));
	put_many(&b, raw, sizeof(raw));
	return b;
}

/* A unit of DWARF 4 about all of .text; its length is set by finish(). */
static struct bytes unit(size_t room)
{
	struct bytes b = bytes_new(room);
	put(&b, 0, 4);
	put(&b, 4, 2);
	put(&b, 0, 4);
	put(&b, 8, 1);
	put(&b, UNIT, 1);
	put(&b, IMAGE_TEXT, 8);
	put(&b, IMAGE_TEXT_BYTES, 4);
	put(&b, 0, 4);
	return b;
}
static void put_function(struct bytes *b, const char *name, uint64_t start, uint32_t n)
{
	put(b, FUNCTION, 1);
	put_many(b, name, strlen(name) + 1);
	put(b, start, 8);
	put(b, n, 4);
}

/* Looks an address up in a file of these sections; frees them. The innermost name, or "". */
static const char *name_of(struct bytes info, struct bytes abbrev, struct bytes lines,
			   uint64_t address, uint32_t *n_frames)
{
	static char name[64];
	if (info.n >= 4)
		memcpy(info.at, &(uint32_t){(uint32_t)info.n - 4}, 4);
	const struct image_section sections[] = {{".debug_info", info.at, info.n},
						 {".debug_abbrev", abbrev.at, abbrev.n},
						 {".debug_line", lines.at, lines.n}};
	size_t bytes;
	uint8_t *image = image_with(sections, 3, &bytes);
	free(info.at);
	free(abbrev.at);
	free(lines.at);
	guard_elf struct elf *elf = NULL;
	guard_dwarf struct dwarf *dwarf = NULL;
	static struct dwarf_frame frames[DWARF_FRAMES_MAX];
	*n_frames = 0;
	CU_ASSERT_EQUAL(elf_open_memory(image, bytes, &elf, NULL), 0);
	if (!dwarf_new(elf, NULL, WORK_MAX, &dwarf))
		*n_frames = dwarf_find(dwarf, address, frames);
	snprintf(name, sizeof(name), "%s", *n_frames ? frames[0].name : "");
	return name;
}

static void a_million_blocks_deep(void)
{
	enum {
		DEEP = 1000000
	};
	uint32_t n;
	struct bytes info = unit(DEEP + 100);
	put_function(&info, "before", IMAGE_TEXT, 16);
	put(&info, 0, 1);
	for (int i = 0; i < DEEP; i++)
		put(&info, BLOCK, 1);
	/* What came before the depth counts. */
	CU_ASSERT_STRING_EQUAL(name_of(info, abbrevs(), bytes_new(1), IMAGE_TEXT + 1, &n),
			       "before");
	CU_ASSERT_EQUAL(n, 1);
}

static void references_in_circles(void)
{
	uint32_t n;
	struct bytes info = unit(200);
	uint32_t self = (uint32_t)info.n;
	put(&info, ORIGIN, 1);
	put(&info, self, 4);
	put(&info, IMAGE_TEXT, 8);
	put(&info, 16, 4);
	put(&info, ORIGIN, 1);
	put(&info, 0xfffffff0, 4);
	put(&info, IMAGE_TEXT + 16, 8);
	put(&info, 16, 4);
	put(&info, 0, 1);
	CU_ASSERT_STRING_EQUAL(name_of(info, abbrevs(), bytes_new(1), IMAGE_TEXT + 1, &n), "");
}

/* One entry with a name of a MiB, which functions without end refer to: the names stop when that
 * was read too often, and the debugging information is to be read anew. */
static void long_names_again_and_again(void)
{
	enum {
		LONG = 1 << 20
	};
	struct bytes info = unit(LONG + 200), abbrev = abbrevs();
	const uint32_t named = (uint32_t)info.n;
	put(&info, FUNCTION, 1);
	memset(info.at + info.n, 'n', LONG);
	info.n += LONG;
	for (int i = 0; i < 1 + 8 + 4 + 1; i++)
		put(&info, 0, 1); /* the end of the name, no code, no children */
	put(&info, ORIGIN, 1);
	put(&info, named, 4);
	put(&info, IMAGE_TEXT, 8);
	put(&info, 16, 4);
	put(&info, 0, 1);
	memcpy(info.at, &(uint32_t){(uint32_t)info.n - 4}, 4);
	const struct image_section sections[] = {{".debug_info", info.at, info.n},
						 {".debug_abbrev", abbrev.at, abbrev.n}};
	size_t bytes;
	uint8_t *image = image_with(sections, 2, &bytes);
	free(info.at);
	free(abbrev.at);
	guard_elf struct elf *elf = NULL;
	guard_dwarf struct dwarf *dwarf = NULL;
	static struct dwarf_frame frames[DWARF_FRAMES_MAX];
	CU_ASSERT_EQUAL(elf_open_memory(image, bytes, &elf, NULL), 0);
	CU_ASSERT_EQUAL(dwarf_new(elf, NULL, WORK_MAX, &dwarf), 0);
	CU_ASSERT_EQUAL(dwarf_find(dwarf, IMAGE_TEXT, frames), 1);
	CU_ASSERT_EQUAL(strlen(frames[0].name), LONG);
	CU_ASSERT_TRUE(dwarf_held_bytes(dwarf) < UINT64_MAX);
	for (uint64_t i = 0; i <= DWARF_NAMES_WORK_MAX / LONG; i++)
		CU_ASSERT_EQUAL(dwarf_find(dwarf, IMAGE_TEXT, frames), 1);
	CU_ASSERT_STRING_EQUAL(frames[0].name, "");
	CU_ASSERT_EQUAL(dwarf_held_bytes(dwarf), UINT64_MAX);
}

static void siblings_do_not_lead_back(void)
{
	uint32_t n;
	struct bytes info = unit(300);
	for (int i = 0; i < 3; i++) {
		/* to the unit's start, to itself, beyond the unit */
		put(&info, TYPE, 1);
		put(&info, i == 0 ? 0 : i == 1 ? info.n - 1 : 0x7fffffff, 4);
		put(&info, 0, 1);
	}
	put_function(&info, "found", IMAGE_TEXT, 16);
	put(&info, 0, 1);
	put(&info, 0, 1);
	CU_ASSERT_STRING_EQUAL(name_of(info, abbrevs(), bytes_new(1), IMAGE_TEXT + 1, &n), "found");
}

/* Entries of many attributes that take no byte: many for each of many entries. */
static void attributes_for_nothing(void)
{
	enum {
		MANY = 200000
	};
	uint32_t n;
	struct bytes abbrev = bytes_new(2 * MANY + 100), info = unit(2 * MANY);
	struct bytes plain = abbrevs();
	put_many(&abbrev, (const char *)plain.at, plain.n - 1);
	free(plain.at);
	put(&abbrev, 9, 1);
	put(&abbrev, DW_TAG_base_type, 1);
	put(&abbrev, 0, 1);
	for (int i = 0; i < MANY; i++) {
		put(&abbrev, DW_AT_external, 1);
		put(&abbrev, DW_FORM_flag_present, 1);
	}
	put(&abbrev, 0, 3);
	put_function(&info, "before", IMAGE_TEXT, 16);
	put(&info, 0, 1);
	for (int i = 0; i < MANY; i++)
		put(&info, 9, 1);
	CU_ASSERT_STRING_EQUAL(name_of(info, abbrev, bytes_new(1), IMAGE_TEXT + 1, &n), "before");
}

/* A program of 20 million rows, one a byte. */
static void line_programs_without_end(void)
{
	enum {
		ROWS = 20000000,
		SPECIAL = 0x30
	};
	static const char head[] = {1, 1, 1, -5, 14, 10, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0};
	uint32_t n;
	struct bytes lines = bytes_new(ROWS + 100), info = unit(100);
	put(&lines, ROWS + 2 + 4 + sizeof(head) + 11, 4);
	put(&lines, 4, 2);
	put(&lines, sizeof(head), 4);
	put_many(&lines, head, sizeof(head));
	put(&lines, 0x020900, 3); /* DW_LNE_set_address */
	put(&lines, IMAGE_TEXT, 8);
	memset(lines.at + lines.n, SPECIAL, ROWS);
	lines.n += ROWS;
	put_function(&info, "named", IMAGE_TEXT, 16);
	put(&info, 0, 2);
	CU_ASSERT_STRING_EQUAL(name_of(info, abbrevs(), lines, IMAGE_TEXT + 1, &n), "named");
	CU_ASSERT_EQUAL(n, 1);
}

static void bombs_are_refused(void)
{
	const Elf64_Chdr header = {.ch_type = ELFCOMPRESS_ZLIB, .ch_size = 1ull << 40};
	const struct image_section section = {".debug_info", &header, sizeof(header),
					      SHF_COMPRESSED};
	size_t bytes;
	uint8_t *image = image_with(&section, 1, &bytes);
	guard_elf struct elf *elf = NULL;
	struct dwarf *dwarf = NULL;
	CU_ASSERT_EQUAL(elf_open_memory(image, bytes, &elf, NULL), 0);
	CU_ASSERT_EQUAL(dwarf_new(elf, NULL, WORK_MAX, &dwarf), -EFBIG);
}

/* A good unit with every byte changed in turn. */
static void changed_units(void)
{
	uint32_t n;
	struct bytes sample = unit(200);
	put_function(&sample, "function", IMAGE_TEXT, 16);
	put(&sample, 0, 2);
	for (size_t i = 0; i < sample.n + 60; i++) {
		struct bytes info = bytes_new(sample.n), abbrev = abbrevs();
		put_many(&info, (const char *)sample.at, sample.n);
		if (i < sample.n)
			info.at[i] ^= 0xff;
		else if (i - sample.n < abbrev.n)
			abbrev.at[i - sample.n] ^= 0x81;
		(void)name_of(info, abbrev, bytes_new(1), IMAGE_TEXT + 1, &n);
	}
	free(sample.at);
}

SUITE(dwarf_hostile, {"a million blocks deep", a_million_blocks_deep},
      {"references in circles", references_in_circles},
      {"long names again and again", long_names_again_and_again},
      {"siblings do not lead back", siblings_do_not_lead_back},
      {"attributes for nothing", attributes_for_nothing},
      {"line programs without end", line_programs_without_end},
      {"bombs are refused", bombs_are_refused}, {"changed units", changed_units});
