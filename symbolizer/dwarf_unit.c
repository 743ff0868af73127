/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/dwarf_unit.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "common/guard.h"
#include "symbolizer/dwarf.h"
#include "symbolizer/dwarf_line.h"
#include "symbolizer/dwarf_scope.h"

enum {
	UNITS_MAX = 1 << 20,   /* Chrome has 40,000 */
	CLOCK_EVERY = 4 << 20, /* work: 10 ms */
};

uint64_t dwarf_unit_clock_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

bool dwarf_unit_worked(struct dwarf *dwarf, uint64_t work)
{
	dwarf->work += work;
	if (dwarf->work >= dwarf->clock_at) {
		dwarf->clock_at = dwarf->work + CLOCK_EVERY;
		if (dwarf_unit_clock_ns() > dwarf->until_ns)
			dwarf->work = dwarf->work_max + 1;
	}
	return dwarf->work > dwarf->work_max;
}

void dwarf_unit_deinit(struct dwarf_unit *unit)
{
	dwarf_form_abbrevs_deinit(&unit->abbrevs);
	dwarf_line_free(unit->lines);
	dwarf_scope_free(unit->scopes);
}

struct dwarf_unit *dwarf_unit_at(const struct dwarf *dwarf, uint64_t offset)
{
	uint32_t low = 0, high = dwarf->n_units;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (dwarf->units[middle].format.unit <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	struct dwarf_unit *unit = low ? &dwarf->units[low - 1] : NULL;
	return unit && offset >= unit->first && offset < unit->end ? unit : NULL;
}

const struct dwarf_abbrevs *dwarf_unit_abbrevs(struct dwarf *dwarf, struct dwarf_unit *unit)
{
	if (!unit->read_abbrevs) {
		unit->read_abbrevs = true;
		if (dwarf_form_abbrevs(&dwarf->sections[DWARF_ABBREV], unit->abbrevs_at, 0,
				       &dwarf->work, &unit->abbrevs))
			dwarf_form_abbrevs_deinit(&unit->abbrevs);
	}
	return unit->abbrevs.n ? &unit->abbrevs : NULL;
}

void dwarf_unit_resolve(const struct dwarf *dwarf, const struct dwarf_unit *unit,
			struct dwarf_value *value)
{
	uint64_t number = 0;
	const unsigned bytes = unit->format.offset_bytes;
	if (value->kind == DWARF_TEXT_INDEX) {
		bool there = dwarf_form_element(&dwarf->sections[DWARF_STR_OFFSETS],
						unit->text_base, value->number, bytes, &number);
		value->kind = there ? DWARF_TEXT : DWARF_OTHER;
		value->text = dwarf_form_text(&dwarf->sections[DWARF_STR], number);
	} else if (value->kind == DWARF_TEXT_ALT) {
		value->kind = dwarf->alt ? DWARF_TEXT : DWARF_OTHER;
		value->text = dwarf->alt ? dwarf_form_text(&dwarf->alt->sections[DWARF_STR],
							   value->number)
					 : "";
	} else if (value->kind == DWARF_ADDRESS_INDEX) {
		bool there = dwarf_form_element(&dwarf->sections[DWARF_ADDR], unit->address_base,
						value->number, 8, &number);
		value->kind = there ? DWARF_ADDRESS : DWARF_OTHER;
		value->number = number;
	} else if (value->kind == DWARF_RANGES_INDEX) {
		bool there = dwarf_form_element(&dwarf->sections[DWARF_RNGLISTS], unit->ranges_base,
						value->number, bytes, &number);
		value->kind = there ? DWARF_OFFSET : DWARF_OTHER;
		value->number = number + unit->ranges_base;
	}
}

void dwarf_unit_where(struct dwarf_where *where, uint32_t name, const struct dwarf_value *value)
{
	if (name == DW_AT_low_pc)
		where->low = *value;
	else if (name == DW_AT_high_pc)
		where->high = *value;
	else if (name == DW_AT_ranges)
		where->ranges = *value;
}

struct ranges {
	const struct dwarf_unit *unit;
	int (*on_range)(void *data, uint64_t start, uint64_t end);
	void *data;
};

static int give(const struct ranges *ranges, uint64_t start, uint64_t end)
{
	/* 0 and the highest addresses mark code that the linker dropped. */
	if (!start || start >= end || start >= UINT64_MAX - 1)
		return 0;
	return ranges->on_range(ranges->data, start, end);
}

/* DWARF 2–4 §2.17.3: pairs, until a pair of zeros. */
static int old_ranges(struct dwarf *dwarf, const struct ranges *ranges, uint64_t offset)
{
	const struct elf_bytes *section = &dwarf->sections[DWARF_RANGES];
	if (offset >= section->bytes)
		return 0;
	struct cursor c = cursor_new(section->data + offset, section->bytes - offset);
	uint64_t base = ranges->unit->low;
	while (!dwarf_unit_worked(dwarf, 16)) {
		uint64_t start = cursor_u64(&c), end = cursor_u64(&c);
		if (c.failed || (!start && !end))
			return 0;
		int code = 0;
		if (start == UINT64_MAX)
			base = end;
		else if (start < end) /* an empty one at 0 was dropped by the linker */
			code = give(ranges, base + start, base + end);
		if (code)
			return code;
	}
	return 0;
}

/* An address of .debug_addr; 0 (dropped) where there is none. */
static uint64_t indexed(const struct dwarf *dwarf, const struct dwarf_unit *unit, uint64_t index)
{
	uint64_t address = 0;
	(void)dwarf_form_element(&dwarf->sections[DWARF_ADDR], unit->address_base, index, 8,
				 &address);
	return address;
}

/* DWARF 5 §2.17.3 */
static int new_ranges(struct dwarf *dwarf, const struct ranges *ranges, uint64_t offset)
{
	const struct elf_bytes *section = &dwarf->sections[DWARF_RNGLISTS];
	if (offset >= section->bytes)
		return 0;
	struct cursor c = cursor_new(section->data + offset, section->bytes - offset);
	uint64_t base = ranges->unit->low, start, end;
	while (!dwarf_unit_worked(dwarf, 8)) {
		uint8_t entry = cursor_u8(&c);
		start = end = 0;
		switch (entry) {
		case DW_RLE_base_addressx:
			base = indexed(dwarf, ranges->unit, cursor_uleb128(&c));
			break;
		case DW_RLE_startx_endx:
			start = indexed(dwarf, ranges->unit, cursor_uleb128(&c));
			end = indexed(dwarf, ranges->unit, cursor_uleb128(&c));
			break;
		case DW_RLE_startx_length:
			start = indexed(dwarf, ranges->unit, cursor_uleb128(&c));
			end = start + cursor_uleb128(&c);
			break;
		case DW_RLE_offset_pair:
			start = base + cursor_uleb128(&c);
			end = base + cursor_uleb128(&c);
			break;
		case DW_RLE_base_address:
			base = cursor_u64(&c);
			break;
		case DW_RLE_start_end:
			start = cursor_u64(&c);
			end = cursor_u64(&c);
			break;
		case DW_RLE_start_length:
			start = cursor_u64(&c);
			end = start + cursor_uleb128(&c);
			break;
		default: /* the end, or nothing known */
			return 0;
		}
		int code = c.failed ? 0 : give(ranges, start, end);
		if (code || c.failed)
			return code;
	}
	return 0;
}

int dwarf_unit_ranges(struct dwarf *dwarf, const struct dwarf_unit *unit, struct dwarf_where *where,
		      int (*on_range)(void *data, uint64_t start, uint64_t end), void *data)
{
	const struct ranges ranges = {unit, on_range, data};
	dwarf_unit_resolve(dwarf, unit, &where->low);
	dwarf_unit_resolve(dwarf, unit, &where->high);
	dwarf_unit_resolve(dwarf, unit, &where->ranges);
	if (where->ranges.kind == DWARF_OFFSET || where->ranges.kind == DWARF_NUMBER)
		return unit->format.version >= 5 ? new_ranges(dwarf, &ranges, where->ranges.number)
						 : old_ranges(dwarf, &ranges, where->ranges.number);
	if (where->low.kind != DWARF_ADDRESS)
		return 0;
	if (where->high.kind == DWARF_ADDRESS)
		return give(&ranges, where->low.number, where->high.number);
	if (where->high.kind == DWARF_NUMBER)
		return give(&ranges, where->low.number, where->low.number + where->high.number);
	return 0;
}

/* Ranges of all units while they are gathered. */
struct gathering {
	struct span_list spans;
	uint32_t unit;
};

static int on_unit_range(void *data, uint64_t start, uint64_t end)
{
	struct gathering *g = data;
	return spans_gather(&g->spans, start, end, ~g->unit);
}

static void take_root(struct dwarf_unit *unit, uint32_t name, const struct dwarf_value *value,
		      struct dwarf_value texts[2])
{
	switch (name) {
	case DW_AT_name:
		texts[0] = *value;
		break;
	case DW_AT_comp_dir:
		texts[1] = *value;
		break;
	case DW_AT_stmt_list:
		if (value->kind == DWARF_OFFSET || value->kind == DWARF_NUMBER)
			unit->lines_at = value->number;
		break;
	case DW_AT_addr_base:
	case DW_AT_GNU_addr_base:
		unit->address_base = value->number;
		break;
	case DW_AT_str_offsets_base:
		unit->text_base = value->number;
		break;
	case DW_AT_rnglists_base:
		unit->ranges_base = value->number;
		break;
	default:
		break;
	}
}

/* The first entry of a unit: its bases may come behind what they are needed for. */
static int read_root(struct dwarf *dwarf, struct dwarf_unit *unit, struct gathering *gathering)
{
	struct dwarf_abbrevs abbrevs guard(dwarf_form_abbrevs_deinit) = {};
	struct cursor c =
		cursor_new(dwarf->sections[DWARF_INFO].data + unit->first, unit->end - unit->first);
	uint64_t code = cursor_uleb128(&c);
	if (!code || dwarf_form_abbrevs(&dwarf->sections[DWARF_ABBREV], unit->abbrevs_at, code,
					&dwarf->work, &abbrevs))
		return 0;
	const struct dwarf_abbrev *entry = dwarf_form_abbrev(&abbrevs, code);
	struct dwarf_where where = {};
	struct dwarf_value texts[2] = {};
	for (uint32_t i = 0; entry && i < entry->n && !c.failed; i++) {
		const struct dwarf_attribute *a = &abbrevs.attributes[entry->first + i];
		struct dwarf_value value =
			dwarf_form_read(dwarf->sections, &unit->format, &c, a->form, a->constant);
		dwarf_unit_where(&where, a->name, &value);
		take_root(unit, a->name, &value, texts);
	}
	for (int i = 0; i < 2; i++)
		dwarf_unit_resolve(dwarf, unit, &texts[i]);
	unit->name = texts[0].kind == DWARF_TEXT ? texts[0].text : "";
	unit->directory = texts[1].kind == DWARF_TEXT ? texts[1].text : "";
	struct dwarf_value low = where.low;
	dwarf_unit_resolve(dwarf, unit, &low);
	unit->low = low.kind == DWARF_ADDRESS ? low.number : 0;
	return dwarf_unit_ranges(dwarf, unit, &where, on_unit_range, gathering);
}

/* Reads the header under the cursor, which then stands behind the unit. false: broken, or not a
 * unit of code (then *skip). */
static bool read_header(struct cursor *c, const uint8_t *start, struct dwarf_unit *unit, bool *skip)
{
	*unit = (struct dwarf_unit){.lines_at = UINT64_MAX, .name = "", .directory = ""};
	struct dwarf_format *format = &unit->format;
	format->unit = (uint64_t)(c->at - start);
	uint64_t length = cursor_u32(c);
	format->offset_bytes = length == UINT32_MAX ? 8 : 4;
	if (length == UINT32_MAX)
		length = cursor_u64(c);
	struct cursor body = cursor_part(c, length);
	unit->end = (uint64_t)(body.end - start);
	format->version = cursor_u16(&body);
	uint8_t type = DW_UT_compile, address_bytes = 0;
	if (format->version >= 5) {
		type = cursor_u8(&body);
		address_bytes = cursor_u8(&body);
	}
	unit->abbrevs_at = dwarf_form_offset(&body, format);
	if (format->version < 5)
		address_bytes = cursor_u8(&body);
	if (type == DW_UT_skeleton)
		cursor_u64(&body);
	/* Defaults of DWARF 5 §7.5.1: behind the section's header. */
	unit->text_base = unit->ranges_base = format->offset_bytes == 8 ? 16 : 8;
	unit->address_base = format->version >= 5 ? unit->text_base : 0;
	unit->ranges_base += 4;
	unit->first = (uint64_t)(body.at - start);
	*skip = body.failed || address_bytes != 8 || format->version < 2 || format->version > 5 ||
		(type != DW_UT_compile && type != DW_UT_partial && type != DW_UT_skeleton);
	return !c->failed;
}

static int read_units(struct dwarf *dwarf, struct gathering *gathering)
{
	const struct elf_bytes *info = &dwarf->sections[DWARF_INFO];
	struct cursor c = cursor_new(info->data, info->bytes);
	uint32_t room = 0;
	while (cursor_left(&c) && !dwarf_unit_worked(dwarf, 32)) {
		struct dwarf_unit unit;
		bool skip;
		if (!read_header(&c, info->data, &unit, &skip))
			return 0;
		if (skip)
			continue;
		if (dwarf->n_units == room) {
			room = room ? 2 * room : 64;
			void *grown = room > UNITS_MAX ? NULL
						       : realloc(dwarf->units, room * sizeof(unit));
			if (!grown)
				return -ENOMEM;
			dwarf->units = grown;
		}
		gathering->unit = dwarf->n_units;
		dwarf->units[dwarf->n_units++] = unit;
		int code = read_root(dwarf, &dwarf->units[gathering->unit], gathering);
		if (code)
			return code;
	}
	return 0;
}

int dwarf_unit_read_all(struct dwarf *dwarf)
{
	struct gathering gathering = {};
	int code = read_units(dwarf, &gathering);
	if (!code)
		code = spans_sort(&gathering.spans);
	/* ld leaves every unit its claim on a function that many have (COMDAT); the code is the
	 * first one's. */
	if (!code)
		code = spans_lay_out_latest(gathering.spans.at, gathering.spans.n, &dwarf->spans);
	free(gathering.spans.at);
	return code;
}
