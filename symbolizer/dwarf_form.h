/* SPDX-License-Identifier: Apache-2.0 */
/* The values of DWARF 2 to 5 as they are written (DWARF 5 §7.5), and what a unit's entries look
 * like (its abbreviations). For dwarf*.c only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/cursor.h"
#include "symbolizer/elf.h"

enum dwarf_section {
	DWARF_INFO,
	DWARF_ABBREV,
	DWARF_LINE,
	DWARF_STR,
	DWARF_LINE_STR,
	DWARF_RANGES,
	DWARF_RNGLISTS,
	DWARF_ADDR,
	DWARF_STR_OFFSETS,
	DWARF_SECTIONS,
};

/* How numbers are written in a unit. */
struct dwarf_format {
	uint16_t version;
	uint8_t offset_bytes; /* 4, or 8 in 64-bit DWARF */
	uint64_t unit;	      /* offset of the unit in .debug_info: what references count from */
};

enum dwarf_kind {
	DWARF_OTHER, /* a form of no interest, passed over */
	DWARF_NUMBER,
	DWARF_ADDRESS,
	DWARF_ADDRESS_INDEX,
	DWARF_TEXT,
	DWARF_TEXT_INDEX,
	DWARF_REFERENCE, /* offset in .debug_info */
	DWARF_TEXT_ALT,	 /* offset in .debug_str, and in .debug_info, of the file that dwz made */
	DWARF_REFERENCE_ALT,
	DWARF_OFFSET, /* into another section */
	DWARF_RANGES_INDEX,
};
struct dwarf_value {
	enum dwarf_kind kind;
	uint64_t number;
	const char *text; /* NUL-terminated, borrowed */
};

/* Reads one value; `sections` is by enum dwarf_section; fails the cursor at a form it does not
 * know. */
struct dwarf_value dwarf_form_read(const struct elf_bytes *sections,
				   const struct dwarf_format *format, struct cursor *c,
				   uint64_t form, int64_t constant);
uint64_t dwarf_form_offset(struct cursor *c, const struct dwarf_format *format);
/* The text at an offset of a section, "" where there is none. */
const char *dwarf_form_text(const struct elf_bytes *section, uint64_t offset);
/* The text under the cursor, which fails where no NUL comes. */
const char *dwarf_form_string(struct cursor *c);
/* Element `index` of `bytes` each, behind `base` in a section; false: not there. */
bool dwarf_form_element(const struct elf_bytes *section, uint64_t base, uint64_t index,
			unsigned bytes, uint64_t *value);

struct dwarf_attribute {
	uint32_t name, form;
	int64_t constant; /* DW_FORM_implicit_const */
};
struct dwarf_abbrev {
	uint64_t code;
	uint32_t tag;
	bool children;
	uint32_t first, n; /* its attributes */
};
struct dwarf_abbrevs {
	struct dwarf_abbrev *list; /* by code */
	struct dwarf_attribute *attributes;
	uint32_t n, n_attributes;
};

/* Reads the table at an offset of .debug_abbrev, at most to entry `until` (0: all). *work counts
 * bytes, four times. -ENOEXEC, -EFBIG, -ENOMEM. */
int dwarf_form_abbrevs(const struct elf_bytes *section, uint64_t offset, uint64_t until,
		       uint64_t *work, struct dwarf_abbrevs *abbrevs);
void dwarf_form_abbrevs_deinit(struct dwarf_abbrevs *abbrevs);
const struct dwarf_abbrev *dwarf_form_abbrev(const struct dwarf_abbrevs *abbrevs, uint64_t code);
