/* SPDX-License-Identifier: Apache-2.0 */
/* The units of .debug_info (DWARF 5 §7.5.1) and which addresses each is about. For dwarf*.c only.
 */
#pragma once

#include "symbolizer/dwarf_form.h"
#include "symbolizer/spans.h"

struct dwarf_lines;
struct dwarf_scopes;

struct dwarf_unit {
	struct dwarf_format format;
	uint64_t first, end; /* of its entries, offsets in .debug_info */
	uint64_t abbrevs_at;
	/* From the first entry: */
	uint64_t low;	   /* base address of its ranges */
	uint64_t lines_at; /* UINT64_MAX: none */
	uint64_t address_base, text_base, ranges_base;
	const char *name, *directory;
	/* Read when an address of the unit is asked for; these are set also when that failed. */
	struct dwarf_abbrevs abbrevs;
	struct dwarf_lines *lines;
	struct dwarf_scopes *scopes;
	bool read_abbrevs, is_read;
};

struct dwarf {
	struct dwarf *alt; /* what dwz moved to another file, or NULL; it has none itself */
	struct elf_bytes sections[DWARF_SECTIONS];
	struct dwarf_unit *units; /* by offset */
	uint32_t n_units;
	struct spans spans;	 /* address → ~unit: the first one that claims it */
	uint64_t work, work_max; /* bytes and rows looked at so far */
	uint64_t names_work;	 /* bytes looked at for names of what was found */
	uint64_t clock_at;	 /* looks at the clock when work has come here */
	uint64_t time_left_ns;
	uint64_t until_ns; /* CLOCK_MONOTONIC: then it is too much, too */
};

/* Reads all unit headers and their first entries. What is broken ends the walk there, and units
 * before it count. -ENOMEM. */
int dwarf_unit_read_all(struct dwarf *dwarf);
void dwarf_unit_deinit(struct dwarf_unit *unit);
/* The unit that holds this offset of .debug_info, or NULL. */
struct dwarf_unit *dwarf_unit_at(const struct dwarf *dwarf, uint64_t offset);
/* Its abbreviations, NULL if broken. */
const struct dwarf_abbrevs *dwarf_unit_abbrevs(struct dwarf *dwarf, struct dwarf_unit *unit);
/* Texts and addresses by index become what they stand for; DWARF_OTHER: nothing there. */
void dwarf_unit_resolve(const struct dwarf *dwarf, const struct dwarf_unit *unit,
			struct dwarf_value *value);

/* The attributes that tell where an entry's code lies. */
struct dwarf_where {
	struct dwarf_value low, high, ranges;
};
/* Takes an attribute if it is one of these. */
void dwarf_unit_where(struct dwarf_where *where, uint32_t name, const struct dwarf_value *value);
/* Calls on_range for each range of addresses, never empty and never at 0 (code that the linker
 * dropped), until that is not 0, which is returned. */
int dwarf_unit_ranges(struct dwarf *dwarf, const struct dwarf_unit *unit, struct dwarf_where *where,
		      int (*on_range)(void *data, uint64_t start, uint64_t end), void *data);
/* Work done, or true: too much, or for too long. */
bool dwarf_unit_worked(struct dwarf *dwarf, uint64_t work);
uint64_t dwarf_unit_clock_ns(void);
