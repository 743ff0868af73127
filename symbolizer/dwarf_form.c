/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/dwarf_form.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>

#include "symbolizer/sort.h"

enum {
	/* Of one table: links of browsers that were optimized as a whole have some thousand entries
	 * of ten attributes. */
	ENTRIES_MAX = 1 << 20,
	ATTRIBUTES_MAX = 4 << 20,
};

const char *dwarf_form_text(const struct elf_bytes *section, uint64_t offset)
{
	/* A section is read with a NUL behind it. */
	return offset < section->bytes ? (const char *)section->data + offset : "";
}

const char *dwarf_form_string(struct cursor *c)
{
	const uint8_t *start = c->at, *end = memchr(start, 0, cursor_left(c));
	if (!end) {
		cursor_fail(c);
		return "";
	}
	c->at = end + 1;
	return (const char *)start;
}

uint64_t dwarf_form_offset(struct cursor *c, const struct dwarf_format *format)
{
	return format->offset_bytes == 8 ? cursor_u64(c) : cursor_u32(c);
}

bool dwarf_form_element(const struct elf_bytes *section, uint64_t base, uint64_t index,
			unsigned bytes, uint64_t *value)
{
	uint64_t at;
	if (__builtin_mul_overflow(index, bytes, &at) || __builtin_add_overflow(at, base, &at) ||
	    at > section->bytes || section->bytes - at < bytes)
		return false;
	*value = 0;
	memcpy(value, section->data + at, bytes);
	return true;
}

static uint64_t number_of(struct cursor *c, unsigned bytes)
{
	uint64_t value = 0;
	const void *from = cursor_bytes(c, bytes);
	if (from)
		memcpy(&value, from, bytes);
	return value;
}

static struct dwarf_value make(enum dwarf_kind kind, uint64_t number)
{
	return (struct dwarf_value){.kind = kind, .number = number};
}

static struct dwarf_value text(const char *string)
{
	return (struct dwarf_value){.kind = DWARF_TEXT, .text = string};
}

static struct dwarf_value passed_over(struct cursor *c, uint64_t bytes)
{
	cursor_skip(c, bytes);
	return make(DWARF_OTHER, 0);
}

/* Forms of a fixed size: its bytes and what they mean. */
struct fixed {
	uint8_t bytes;
	uint8_t kind;
	bool local; /* counts from the unit */
};
static const struct fixed fixed_forms[] = {
	[DW_FORM_addr] = {8, DWARF_ADDRESS},
	[DW_FORM_data1] = {1, DWARF_NUMBER},
	[DW_FORM_data2] = {2, DWARF_NUMBER},
	[DW_FORM_data4] = {4, DWARF_NUMBER},
	[DW_FORM_data8] = {8, DWARF_NUMBER},
	[DW_FORM_flag] = {1, DWARF_NUMBER},
	[DW_FORM_ref1] = {1, DWARF_REFERENCE, true},
	[DW_FORM_ref2] = {2, DWARF_REFERENCE, true},
	[DW_FORM_ref4] = {4, DWARF_REFERENCE, true},
	[DW_FORM_ref8] = {8, DWARF_REFERENCE, true},
	[DW_FORM_strx1] = {1, DWARF_TEXT_INDEX},
	[DW_FORM_strx2] = {2, DWARF_TEXT_INDEX},
	[DW_FORM_strx3] = {3, DWARF_TEXT_INDEX},
	[DW_FORM_strx4] = {4, DWARF_TEXT_INDEX},
	[DW_FORM_addrx1] = {1, DWARF_ADDRESS_INDEX},
	[DW_FORM_addrx2] = {2, DWARF_ADDRESS_INDEX},
	[DW_FORM_addrx3] = {3, DWARF_ADDRESS_INDEX},
	[DW_FORM_addrx4] = {4, DWARF_ADDRESS_INDEX},
	[DW_FORM_ref_sup4] = {4, DWARF_REFERENCE_ALT},
	[DW_FORM_ref_sup8] = {8, DWARF_REFERENCE_ALT},
	[DW_FORM_ref_sig8] = {8, DWARF_OTHER},
	[DW_FORM_data16] = {16, DWARF_OTHER},
};

static struct dwarf_value read_variable(const struct elf_bytes *sections,
					const struct dwarf_format *format, struct cursor *c,
					uint64_t form, int64_t constant)
{
	switch (form) {
	case DW_FORM_block1:
		return passed_over(c, cursor_u8(c));
	case DW_FORM_block2:
		return passed_over(c, cursor_u16(c));
	case DW_FORM_block4:
		return passed_over(c, cursor_u32(c));
	case DW_FORM_block:
	case DW_FORM_exprloc:
		return passed_over(c, cursor_uleb128(c));
	case DW_FORM_string:
		return text(dwarf_form_string(c));
	case DW_FORM_strp:
		return text(dwarf_form_text(&sections[DWARF_STR], dwarf_form_offset(c, format)));
	case DW_FORM_line_strp:
		return text(
			dwarf_form_text(&sections[DWARF_LINE_STR], dwarf_form_offset(c, format)));
	case DW_FORM_strp_sup:
	case DW_FORM_GNU_strp_alt:
		return make(DWARF_TEXT_ALT, dwarf_form_offset(c, format));
	case DW_FORM_GNU_ref_alt:
		return make(DWARF_REFERENCE_ALT, dwarf_form_offset(c, format));
	case DW_FORM_sdata:
		return make(DWARF_NUMBER, (uint64_t)cursor_sleb128(c));
	case DW_FORM_udata:
		return make(DWARF_NUMBER, cursor_uleb128(c));
	case DW_FORM_implicit_const:
		return make(DWARF_NUMBER, (uint64_t)constant);
	case DW_FORM_flag_present:
		return make(DWARF_NUMBER, 1);
	case DW_FORM_ref_addr:
		return make(DWARF_REFERENCE,
			    format->version == 2 ? cursor_u64(c) : dwarf_form_offset(c, format));
	case DW_FORM_ref_udata:
		return make(DWARF_REFERENCE, format->unit + cursor_uleb128(c));
	case DW_FORM_sec_offset:
		return make(DWARF_OFFSET, dwarf_form_offset(c, format));
	case DW_FORM_strx:
	case DW_FORM_GNU_str_index:
		return make(DWARF_TEXT_INDEX, cursor_uleb128(c));
	case DW_FORM_addrx:
	case DW_FORM_GNU_addr_index:
		return make(DWARF_ADDRESS_INDEX, cursor_uleb128(c));
	case DW_FORM_rnglistx:
		return make(DWARF_RANGES_INDEX, cursor_uleb128(c));
	case DW_FORM_loclistx:
		return make(DWARF_OTHER, cursor_uleb128(c));
	default:
		cursor_fail(c);
		return make(DWARF_OTHER, 0);
	}
}

struct dwarf_value dwarf_form_read(const struct elf_bytes *sections,
				   const struct dwarf_format *format, struct cursor *c,
				   uint64_t form, int64_t constant)
{
	/* Each step takes a byte, so that a chain of them ends. */
	while (form == DW_FORM_indirect && !c->failed)
		form = cursor_uleb128(c);
	if (form >= sizeof(fixed_forms) / sizeof(*fixed_forms) || !fixed_forms[form].bytes)
		return read_variable(sections, format, c, form, constant);
	const struct fixed *fixed = &fixed_forms[form];
	if (fixed->bytes > 8)
		return passed_over(c, fixed->bytes);
	return make(fixed->kind, number_of(c, fixed->bytes) + (fixed->local ? format->unit : 0));
}

/* Reads the attributes of one entry. */
static int read_attributes(struct cursor *c, struct dwarf_abbrevs *abbrevs, uint32_t *room)
{
	for (;;) {
		struct dwarf_attribute attribute = {.name = (uint32_t)cursor_uleb128(c)};
		attribute.form = (uint32_t)cursor_uleb128(c);
		if (attribute.form == DW_FORM_implicit_const)
			attribute.constant = cursor_sleb128(c);
		if (c->failed)
			return -ENOEXEC;
		if (!attribute.name && !attribute.form)
			return 0;
		if (abbrevs->n_attributes == ATTRIBUTES_MAX)
			return -EFBIG;
		if (abbrevs->n_attributes == *room) {
			*room = *room ? 2 * *room : 64;
			void *grown = realloc(abbrevs->attributes, *room * sizeof(attribute));
			if (!grown)
				return -ENOMEM;
			abbrevs->attributes = grown;
		}
		abbrevs->attributes[abbrevs->n_attributes++] = attribute;
	}
}

static int read_entries(struct cursor *c, uint64_t until, struct dwarf_abbrevs *abbrevs)
{
	uint32_t room = 0, attribute_room = 0;
	for (;;) {
		struct dwarf_abbrev entry = {.code = cursor_uleb128(c)};
		if (!entry.code)
			return c->failed ? -ENOEXEC : 0;
		entry.tag = (uint32_t)cursor_uleb128(c);
		entry.children = cursor_u8(c) != 0;
		entry.first = abbrevs->n_attributes;
		int code = read_attributes(c, abbrevs, &attribute_room);
		if (code)
			return code;
		entry.n = abbrevs->n_attributes - entry.first;
		if (abbrevs->n == ENTRIES_MAX)
			return -EFBIG;
		if (abbrevs->n == room) {
			room = room ? 2 * room : 16;
			void *grown = realloc(abbrevs->list, room * sizeof(entry));
			if (!grown)
				return -ENOMEM;
			abbrevs->list = grown;
		}
		abbrevs->list[abbrevs->n++] = entry;
		if (entry.code == until)
			return 0;
	}
}

static int compare_codes(const void *a, const void *b)
{
	const struct dwarf_abbrev *x = a, *y = b;
	return (x->code > y->code) - (x->code < y->code);
}

int dwarf_form_abbrevs(const struct elf_bytes *section, uint64_t offset, uint64_t until,
		       uint64_t *work, struct dwarf_abbrevs *abbrevs)
{
	if (offset >= section->bytes)
		return -ENOEXEC;
	struct cursor c = cursor_new(section->data + offset, section->bytes - offset);
	const uint8_t *start = c.at;
	int code = read_entries(&c, until, abbrevs);
	/* Each byte or two become a record: slower than what is only passed over. */
	*work += 4 * (uint64_t)(c.at - start);
	return code ? code
		    : sort_records(abbrevs->list, abbrevs->n, sizeof(struct dwarf_abbrev),
				   compare_codes);
}

void dwarf_form_abbrevs_deinit(struct dwarf_abbrevs *abbrevs)
{
	free(abbrevs->list);
	free(abbrevs->attributes);
	*abbrevs = (struct dwarf_abbrevs){};
}

const struct dwarf_abbrev *dwarf_form_abbrev(const struct dwarf_abbrevs *abbrevs, uint64_t code)
{
	/* Nearly always they are numbered from 1. */
	if (code - 1 < abbrevs->n && abbrevs->list[code - 1].code == code)
		return &abbrevs->list[code - 1];
	const struct dwarf_abbrev key = {.code = code};
	return abbrevs->n ? bsearch(&key, abbrevs->list, abbrevs->n, sizeof(key), compare_codes)
			  : NULL;
}
