/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/table.h"

#include <dwarf.h>
#include <errno.h>

#include "common/err.h"
#include "common/worker.h"
#include "symbolizer/cfi_state.h"
#include "symbolizer/elf.h"

enum {
	SECTION_BYTES_MAX = 256 << 20, /* libLLVM's .eh_frame has 9 MB, chrome's 20 */
};

static unsigned code_segments(const struct elf *elf, struct worker_segment *segments)
{
	unsigned n = 0;
	for (uint32_t i = 0; i < elf->n_segments && n < WORKER_SEGMENTS; i++) {
		const Elf64_Phdr *segment = &elf->segments[i];
		if (!elf_is_code_segment(segment))
			continue;
		segments[n++] = (struct worker_segment){.vaddr = segment->p_vaddr,
							.memory_bytes = segment->p_memsz,
							.offset = segment->p_offset,
							.file_bytes = segment->p_filesz};
	}
	return n;
}

/* Without section headers (packed or stripped by hand): .eh_frame_hdr names .eh_frame's address
 * (LSB 5.0 10.6.2), and its end is taken to be the segment's. */
static int read_by_header(const struct elf *elf, struct elf_bytes *bytes, uint64_t *vaddr)
{
	for (uint32_t i = 0; i < elf->n_segments; i++) {
		const Elf64_Phdr *header = &elf->segments[i];
		struct elf_bytes start guard_elf_bytes = {0};
		if (header->p_type != PT_GNU_EH_FRAME || header->p_filesz < 12)
			continue;
		int code = elf_read_address(elf, header->p_vaddr, 12, 12, &start);
		if (code)
			return code;
		struct cursor c = cursor_new(start.data, 12);
		uint32_t head = cursor_u32(&c);
		uint8_t encoding = head >> 8 & 0xff;
		*vaddr = cfi_run_encoded(&c, encoding, header->p_vaddr + 4);
		if ((head & 0xff) != 1 || c.failed)
			return -ENOEXEC;
		for (uint32_t k = 0; k < elf->n_segments; k++) {
			const Elf64_Phdr *load = &elf->segments[k];
			if (load->p_type == PT_LOAD && *vaddr - load->p_vaddr < load->p_filesz)
				return elf_read_address(elf, *vaddr,
							load->p_vaddr + load->p_filesz - *vaddr,
							SECTION_BYTES_MAX, bytes);
		}
	}
	return -ENODATA;
}

static int read_section(const struct elf *elf, const char *name, struct elf_bytes *bytes,
			struct cfi_section *section)
{
	const Elf64_Shdr *header = elf_section(elf, name);
	if (!header)
		return -ENODATA;
	int code = elf_read_section(elf, header, SECTION_BYTES_MAX, bytes);
	if (code)
		return code;
	section->bytes = bytes->data;
	section->n = bytes->bytes;
	section->vaddr = header->sh_addr;
	return 0;
}

int table_build(const struct elf *elf, struct cfi_table *table, struct err *err)
{
	struct elf_bytes eh_frame guard_elf_bytes = {0}, debug_frame guard_elf_bytes = {0};
	struct worker_segment segments[WORKER_SEGMENTS];
	struct cfi_source source = {.segments = segments,
				    .n_segments = code_segments(elf, segments)};
	source.sections[1].debug = true;
	int code = read_section(elf, ".eh_frame", &eh_frame, &source.sections[0]);
	if (code && !read_by_header(elf, &eh_frame, &source.sections[0].vaddr)) {
		source.sections[0].bytes = eh_frame.data;
		source.sections[0].n = eh_frame.bytes;
	}
	int debug_code = read_section(elf, ".debug_frame", &debug_frame, &source.sections[1]);
	if (!source.sections[0].bytes && !source.sections[1].bytes) {
		code = code == -ENODATA ? debug_code : code;
		return err_set(err, code, ERR_FAILED, "no unwind information");
	}
	return cfi_compile(&source, table, err);
}
