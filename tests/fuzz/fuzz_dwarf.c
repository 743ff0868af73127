/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as debugging information: sizes of the sections below, two bytes each, then what is in
 * them. The same file is its own dwz alternate. Many addresses are looked up: every chain that
 * comes out must be printable. */
#include <stdlib.h>
#include <string.h>

#include "common/guard.h"
#include "symbolizer/dwarf.h"
#include "symbolizer/elf.h"
#include "tests/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const char *const names[] = {
	".debug_info",	   ".debug_abbrev", ".debug_line", ".debug_str",	 ".debug_line_str",
	".debug_rnglists", ".debug_ranges", ".debug_addr", ".debug_str_offsets",
};

enum {
	SECTIONS = sizeof(names) / sizeof(*names),
	WORK_MAX = 1 << 20,
	SEED_TEXT = 0x401000, /* where linkers put the code of seeds */
};

static struct elf *image_of(const uint8_t *data, size_t bytes)
{
	struct image_section sections[SECTIONS];
	const uint8_t *at = data + 2 * SECTIONS;
	size_t left = bytes - 2 * SECTIONS, n;
	for (int i = 0; i < SECTIONS; i++) {
		size_t want = data[2 * i] | (size_t)data[2 * i + 1] << 8;
		want = want < left ? want : left;
		sections[i] = (struct image_section){names[i], at, want};
		at += want;
		left -= want;
	}
	uint8_t *image = image_with(sections, SECTIONS, &n);
	struct elf *elf;
	if (elf_open_memory(image, n, &elf, NULL))
		abort();
	return elf;
}

static void look_up(struct dwarf *dwarf, uint64_t address)
{
	struct dwarf_frame frames[DWARF_FRAMES_MAX];
	char file[4096];
	uint32_t n = dwarf_find(dwarf, address, frames);
	if (n > DWARF_FRAMES_MAX)
		abort();
	for (uint32_t i = 0; i < n; i++) {
		size_t bytes = dwarf_file(&frames[i], file, sizeof(file));
		if (bytes >= sizeof(file) ||
		    strlen(frames[i].name) + strlen(frames[i].linkage_name) > bytes + (1 << 20))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (bytes < 2 * SECTIONS)
		return 0;
	guard_elf struct elf *elf = image_of(data, bytes);
	guard_dwarf struct dwarf *dwarf = NULL;
	if (dwarf_new(elf, elf, WORK_MAX, &dwarf))
		return 0;
	for (uint64_t i = 0; i < 64; i++) {
		look_up(dwarf, SEED_TEXT + 4 * i);
		look_up(dwarf, IMAGE_TEXT + IMAGE_TEXT_BYTES / 64 * i);
	}
	return 0;
}
