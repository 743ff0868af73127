/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/go_program.h"

#include "tests/image.h"

enum {
	HEADER_BYTES = 72,
	UNITS = HEADER_BYTES,
	FILES = UNITS + 8,
	NAMES = FILES + 12,
	INDEX = GO_PROGRAM_COUNTERS + 40,
	TREES = 0x800, /* inline trees, in .text */
	TREE = 0x10,   /* the one of main.outer */
	MODULE_TEXT = 176,
	MODULE_BYTES = 400,
};

_Static_assert(GO_PROGRAM_COUNTERS == NAMES + 40, "");
static const char files[12] = "a.go\0b.go";
static const char names[40] = "main.outer\0main.inner\0main.other";
/* Runs of pairs: change of the value (zigzag) from -1 on, bytes of code; 0 ends one. */
static const uint8_t counters[40] = {
	0,					 /* none is at 0 */
	2,  0x10, 2,	8,    1,    8, 0,	 /* outer: files 0, 1, 0 */
	22, 8,	  2,	8,    11,   8, 14, 8, 0, /* lines 10, 11, 5, 12 */
	0,  0x10, 2,	8,    1,    8, 0,	 /* calls -1, 0, -1 */
	62, 0x10, 0,				 /* other: line 30 */
	2,  0x10, 0,				 /* file 0 */
	2,  4,	  0x30, 0x18, 0x2f, 4, 0	 /* outer: depths 0, 0x18, 0 */
};

static void put_header(struct bytes *b, bool is_1_20)
{
	const uint64_t offsets[] = {NAMES, UNITS, FILES, GO_PROGRAM_COUNTERS, INDEX};
	bytes_number(b, is_1_20 ? 0xfffffff1 : 0xfffffff0, 4);
	bytes_number(b, 0x08010000, 4); /* instructions of 1 byte, pointers of 8 */
	bytes_number(b, 2, 8);		/* functions */
	bytes_number(b, 2, 8);		/* files */
	bytes_number(b, IMAGE_TEXT, 8);
	bytes_raw(b, offsets, sizeof(offsets));
}

static void put_record(struct bytes *b, bool is_1_20, const uint32_t numbers[9], uint32_t line)
{
	for (int i = 0; i < 9; i++)
		bytes_number(b, numbers[i], 4);
	if (is_1_20)
		bytes_number(b, line, 4);
	bytes_number(b, numbers[7] ? 0x04000000 : 0, 4); /* 4 offsets of data, or none */
}

struct bytes go_program_table(bool is_1_20)
{
	struct bytes b = {0};
	const uint32_t behind = 2 * 8 + 4, record = (is_1_20 ? 44 : 40) + 7 * 4;
	/* start, name, arguments, deferred calls, depths, files, lines, runs, unit */
	const uint32_t outer[] = {0, 0, 0, 0, 30, 1, 8, 3, 0},
		       other[] = {0x20, 22, 0, 0, 0, 27, 24, 0, 1};
	const uint32_t index[] = {0, behind, 0x20, behind + record, 0x30};
	const uint32_t runs[] = {0, 0, 17}, data[] = {UINT32_MAX, UINT32_MAX, UINT32_MAX, TREE};
	const uint32_t units[] = {0, 5};
	put_header(&b, is_1_20);
	bytes_raw(&b, units, sizeof(units));
	bytes_raw(&b, files, sizeof(files));
	bytes_raw(&b, names, sizeof(names));
	bytes_raw(&b, counters, sizeof(counters));
	bytes_raw(&b, index, sizeof(index));
	put_record(&b, is_1_20, outer, 9);
	bytes_raw(&b, runs, sizeof(runs));
	bytes_raw(&b, data, sizeof(data));
	put_record(&b, is_1_20, other, 29);
	return b;
}

/* One call: of main.inner (begins at line 4), at byte 9 of main.outer. */
static void put_tree(uint8_t *at, bool is_1_20)
{
	const uint32_t call_1_18[] = {0xffff, 0, 11, 11, 9}, call[] = {0, 11, 9, 4};
	if (is_1_20)
		memcpy(at, call, sizeof(call));
	else
		memcpy(at, call_1_18, sizeof(call_1_18));
}

uint8_t *go_program_image(const struct bytes *table, bool is_1_20, size_t *bytes)
{
	static const uint64_t text = IMAGE_TEXT, trees = IMAGE_TEXT + TREES;
	uint8_t module[MODULE_BYTES] = {0}; /* its table is at 0, as image_with() places sections */
	memcpy(module + MODULE_TEXT, &text, 8);
	memcpy(module + (is_1_20 ? 320 : 304), &trees, 8);
	const struct image_section sections[] = {{".gopclntab", table->at, table->n},
						 {".noptrdata", module, sizeof(module)}};
	uint8_t *image = image_with(sections, 2, bytes);
	put_tree(image + IMAGE_OFFSET + TREES + TREE, is_1_20);
	return image;
}

void go_program_set(const struct bytes *table, enum go_program_field field, uint64_t value)
{
	memcpy(table->at + field, &value, sizeof(value));
}
