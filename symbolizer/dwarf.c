/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/dwarf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "symbolizer/dwarf_line.h"
#include "symbolizer/dwarf_scope.h"
#include "symbolizer/dwarf_unit.h"
#include "symbolizer/elf.h"

static const char *const section_names[DWARF_SECTIONS] = {
	[DWARF_INFO] = ".debug_info",
	[DWARF_ABBREV] = ".debug_abbrev",
	[DWARF_LINE] = ".debug_line",
	[DWARF_STR] = ".debug_str",
	[DWARF_LINE_STR] = ".debug_line_str",
	[DWARF_RANGES] = ".debug_ranges",
	[DWARF_RNGLISTS] = ".debug_rnglists",
	[DWARF_ADDR] = ".debug_addr",
	[DWARF_STR_OFFSETS] = ".debug_str_offsets",
};

/* Between these two the clock runs. */
static uint64_t begin(struct dwarf *dwarf)
{
	const uint64_t now = dwarf_unit_clock_ns();
	dwarf->until_ns = now + dwarf->time_left_ns;
	if (dwarf->alt)
		dwarf->alt->until_ns = dwarf->until_ns;
	return now;
}

static void end(struct dwarf *dwarf, uint64_t begun_ns)
{
	const uint64_t spent = dwarf_unit_clock_ns() - begun_ns;
	dwarf->time_left_ns -= spent < dwarf->time_left_ns ? spent : dwarf->time_left_ns;
}

static int read_sections(struct dwarf *dwarf, const struct elf *elf)
{
	uint64_t left = DWARF_BYTES_MAX;
	for (int i = 0; i < DWARF_SECTIONS; i++) {
		const Elf64_Shdr *section = elf_section(elf, section_names[i]);
		if (!section || section->sh_type == SHT_NOBITS)
			continue;
		int code = elf_read_section(elf, section, left, &dwarf->sections[i]);
		if (code)
			return code;
		left -= dwarf->sections[i].bytes;
	}
	return 0;
}

static int new_of_one(const struct elf *elf, uint64_t work_max, uint64_t time_ns,
		      struct dwarf **out)
{
	const Elf64_Shdr *info = elf_section(elf, ".debug_info");
	if (!info || info->sh_type == SHT_NOBITS)
		return -ENODATA;
	guard_dwarf struct dwarf *dwarf = calloc(1, sizeof(*dwarf));
	if (!dwarf)
		return -ENOMEM;
	dwarf->work_max = work_max;
	dwarf->time_left_ns = time_ns;
	const uint64_t begun_ns = begin(dwarf);
	int code = read_sections(dwarf, elf);
	if (!code)
		code = dwarf_unit_read_all(dwarf);
	end(dwarf, begun_ns);
	if (code)
		return code;
	*out = steal_ptr(dwarf);
	return 0;
}

int dwarf_new(const struct elf *elf, const struct elf *alt, uint64_t work_max, struct dwarf **out)
{
	guard_dwarf struct dwarf *dwarf = NULL;
	int code = new_of_one(elf, work_max, DWARF_TIME_MAX_NS, &dwarf);
	if (code)
		return code;
	/* Out of one budget: a request that takes too long would cost all names. */
	const uint64_t work_left = work_max > dwarf->work ? work_max - dwarf->work : 0;
	if (alt && !new_of_one(alt, work_left, dwarf->time_left_ns, &dwarf->alt))
		dwarf->time_left_ns = dwarf->alt->time_left_ns;
	*out = steal_ptr(dwarf);
	return 0;
}

void dwarf_free(struct dwarf *dwarf)
{
	if (!dwarf)
		return;
	dwarf_free(dwarf->alt);
	for (uint32_t i = 0; i < dwarf->n_units; i++)
		dwarf_unit_deinit(&dwarf->units[i]);
	free(dwarf->units);
	spans_deinit(&dwarf->spans);
	for (int i = 0; i < DWARF_SECTIONS; i++)
		elf_bytes_deinit(&dwarf->sections[i]);
	free(dwarf);
}

/* What is made of entries and rows is about as large as what was looked at for it. */
uint64_t dwarf_held_bytes(const struct dwarf *dwarf)
{
	const uint64_t alts = dwarf->alt ? dwarf_held_bytes(dwarf->alt) : 0;
	uint64_t bytes = dwarf->work;
	if (alts == UINT64_MAX || dwarf->time_left_ns < DWARF_TIME_MAX_NS / 2 ||
	    dwarf->work > dwarf->work_max / 2 || dwarf->names_work > DWARF_NAMES_WORK_MAX / 2)
		return UINT64_MAX;
	for (int i = 0; i < DWARF_SECTIONS; i++)
		bytes += dwarf->sections[i].bytes;
	return bytes + alts;
}

/* Names come first: a line table that uses up the work costs only lines. */
static void prepare(struct dwarf *dwarf, struct dwarf_unit *unit)
{
	if (unit->is_read)
		return;
	unit->is_read = true;
	(void)dwarf_scope_read(dwarf, unit, &unit->scopes);
	(void)dwarf_line_read(dwarf, unit, &unit->lines);
}

static uint32_t find_in(struct dwarf *dwarf, struct dwarf_unit *unit, uint64_t address,
			struct dwarf_frame frames[DWARF_FRAMES_MAX])
{
	prepare(dwarf, unit);
	/* Where the next frame outwards is: at first the line table's row, then each call. */
	struct dwarf_frame here = {.name = "", .linkage_name = "", .unit = unit};
	here.file_known =
		unit->lines && dwarf_line_find(unit->lines, address, &here.file, &here.line);
	const struct span *innermost =
		unit->scopes ? spans_find(&unit->scopes->spans, address) : NULL;
	if (!innermost) {
		frames[0] = here;
		return here.file_known;
	}
	uint32_t n = 0, number = innermost->value + 1;
	while (number && n < DWARF_FRAMES_MAX) {
		const struct dwarf_scope *scope = &unit->scopes->list[number - 1];
		frames[n] = here;
		dwarf_scope_name(dwarf, scope->entry, &frames[n++]);
		here.file = scope->call_file;
		here.line = scope->call_line;
		here.file_known = unit->lines != NULL;
		number = scope->parent;
	}
	return n;
}

uint32_t dwarf_find(struct dwarf *dwarf, uint64_t address,
		    struct dwarf_frame frames[DWARF_FRAMES_MAX])
{
	const struct span *span = spans_find(&dwarf->spans, address);
	if (!span)
		return 0;
	const uint64_t begun_ns = begin(dwarf);
	uint32_t n = find_in(dwarf, &dwarf->units[~span->value], address, frames);
	end(dwarf, begun_ns);
	return n;
}

size_t dwarf_file(const struct dwarf_frame *frame, char *out, size_t room)
{
	const char *directory = "", *name = frame->path ? frame->path : "";
	if (frame->file_known && frame->unit->lines)
		dwarf_line_file(frame->unit->lines, frame->file, &directory, &name);
	if (!*name)
		return 0;
	const char *base = frame->unit ? frame->unit->directory : "";
	int n;
	if (*name == '/')
		n = snprintf(out, room, "%s", name);
	else if (*directory == '/' || !*base)
		n = snprintf(out, room, "%s%s%s", directory, *directory ? "/" : "", name);
	else
		n = snprintf(out, room, "%s/%s%s%s", base, directory, *directory ? "/" : "", name);
	return n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}
