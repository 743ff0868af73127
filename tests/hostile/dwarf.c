/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/hostile/dwarf.h"

#include <dwarf.h>

#define PAIR(name, form) name, form
#define END 0, 0

struct bytes dwarf_abbrevs(void)
{
	static const uint8_t raw[] = {
		DWARF_UNIT,
		DW_TAG_compile_unit,
		1,
		PAIR(DW_AT_low_pc, DW_FORM_addr),
		PAIR(DW_AT_high_pc, DW_FORM_data4),
		PAIR(DW_AT_stmt_list, DW_FORM_sec_offset),
		END,
		DWARF_FUNCTION,
		DW_TAG_subprogram,
		1,
		PAIR(DW_AT_name, DW_FORM_string),
		PAIR(DW_AT_low_pc, DW_FORM_addr),
		PAIR(DW_AT_high_pc, DW_FORM_data4),
		END,
		DWARF_BLOCK,
		DW_TAG_lexical_block,
		1,
		END,
		DWARF_INLINED,
		DW_TAG_inlined_subroutine,
		1,
		PAIR(DW_AT_abstract_origin, DW_FORM_ref4),
		PAIR(DW_AT_low_pc, DW_FORM_addr),
		PAIR(DW_AT_high_pc, DW_FORM_data4),
		END,
		DWARF_ORIGIN,
		DW_TAG_subprogram,
		0,
		PAIR(DW_AT_abstract_origin, DW_FORM_ref4),
		PAIR(DW_AT_low_pc, DW_FORM_addr),
		PAIR(DW_AT_high_pc, DW_FORM_data4),
		END,
		DWARF_SPECIFICATION,
		DW_TAG_subprogram,
		0,
		PAIR(DW_AT_specification, DW_FORM_ref4),
		END,
		DWARF_TYPE,
		DW_TAG_structure_type,
		1,
		PAIR(DW_AT_sibling, DW_FORM_ref4),
		END,
		DWARF_IMPORT,
		DW_TAG_imported_unit,
		0,
		PAIR(DW_AT_import, DW_FORM_ref_addr),
		END,
		DWARF_RANGED,
		DW_TAG_subprogram,
		1,
		PAIR(DW_AT_name, DW_FORM_string),
		PAIR(DW_AT_ranges, DW_FORM_sec_offset),
		END,
		DWARF_ALT,
		DW_TAG_subprogram,
		0,
		DW_AT_abstract_origin,
		(DW_FORM_GNU_ref_alt & 0x7f) | 0x80, /* ULEB128 */
		DW_FORM_GNU_ref_alt >> 7,
		PAIR(DW_AT_low_pc, DW_FORM_addr),
		PAIR(DW_AT_high_pc, DW_FORM_data4),
		END,
		DWARF_BARE,
		DW_TAG_subprogram,
		1,
		END,
		0,
	};
	struct bytes abbrevs = {0};
	bytes_raw(&abbrevs, raw, sizeof(raw));
	return abbrevs;
}

struct bytes dwarf_begin(void)
{
	struct bytes info = {0};
	bytes_number(&info, 0, 4);
	bytes_number(&info, 4, 2);
	bytes_number(&info, 0, 4);
	bytes_number(&info, 8, 1);
	bytes_number(&info, DWARF_UNIT, 1);
	bytes_number(&info, FILE_TEXT, 8);
	bytes_number(&info, FILE_TEXT_BYTES, 4);
	bytes_number(&info, 0, 4);
	return info;
}

void dwarf_end(struct bytes *info)
{
	bytes_number(info, 0, 1);
	memcpy(info->at, &(uint32_t){(uint32_t)info->n - 4}, 4);
}

void dwarf_function(struct bytes *info, const char *name, uint64_t start, uint32_t n)
{
	bytes_number(info, DWARF_FUNCTION, 1);
	bytes_text(info, name);
	bytes_number(info, start, 8);
	bytes_number(info, n, 4);
}

void dwarf_origin(struct bytes *info, uint8_t abbrev, uint32_t origin, uint64_t start, uint32_t n)
{
	bytes_number(info, abbrev, 1);
	bytes_number(info, origin, 4);
	bytes_number(info, start, 8);
	bytes_number(info, n, 4);
}

struct bytes dwarf_lines(void)
{
	/* instruction bytes, operations, statement, base, range, opcodes, their operands; no
	 * directories; a file */
	static const uint8_t head[] = {1, 1, 1, (uint8_t)-5, 14, 13,  0,   1,	1, 1, 1, 0, 0, 0,
				       1, 0, 0, 1,	     0,	 'a', '.', 'c', 0, 0, 0, 0, 0};
	struct bytes lines = {0};
	bytes_number(&lines, 0, 4);
	bytes_number(&lines, 4, 2);
	bytes_number(&lines, sizeof(head), 4);
	bytes_raw(&lines, head, sizeof(head));
	bytes_number(&lines, 0x020900, 3); /* DW_LNE_set_address */
	bytes_number(&lines, FILE_TEXT, 8);
	return lines;
}

void dwarf_lines_end(struct bytes *lines)
{
	bytes_number(lines, 0x010100, 3); /* DW_LNE_end_sequence */
	memcpy(lines->at, &(uint32_t){(uint32_t)lines->n - 4}, 4);
}

void dwarf_add(struct file *file, struct bytes info_take, struct bytes abbrev_take,
	       struct bytes lines_take)
{
	file_add(file, ".debug_info", info_take);
	file_add(file, ".debug_abbrev", abbrev_take);
	file_add(file, ".debug_line", lines_take);
}
