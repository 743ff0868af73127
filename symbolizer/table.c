/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/table.h"

#include <errno.h>
#include <stdlib.h>

#include "common/err.h"
#include "common/worker.h"
#include "symbolizer/cfi_entries.h"
#include "symbolizer/cfi_state.h"
#include "symbolizer/elf.h"
#include "symbolizer/go_frames.h"
#include "symbolizer/sort.h"
#include "symbolizer/table_go.h"
#include "symbolizer/table_signal.h"

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

/* The sections of an object, and what the compiler is to know of it. */
struct input {
	struct elf_bytes eh_frame, debug_frame;
	struct worker_segment segments[WORKER_SEGMENTS];
	struct cfi_source source;
};

static void input_deinit(struct input *input)
{
	elf_bytes_deinit(&input->eh_frame);
	elf_bytes_deinit(&input->debug_frame);
}

static int input_read(struct input *input, const struct elf *elf)
{
	struct cfi_source *source = &input->source;
	source->segments = input->segments;
	source->n_segments = code_segments(elf, input->segments);
	source->sections[1].debug = true;
	int code = read_section(elf, ".eh_frame", &input->eh_frame, &source->sections[0]);
	if (code && !read_by_header(elf, &input->eh_frame, &source->sections[0].vaddr)) {
		source->sections[0].bytes = input->eh_frame.data;
		source->sections[0].n = input->eh_frame.bytes;
	}
	int debug_code =
		read_section(elf, ".debug_frame", &input->debug_frame, &source->sections[1]);
	if (debug_code == -ENODATA && !go_frames_write(elf, &input->debug_frame)) {
		source->sections[1].bytes = input->debug_frame.data;
		source->sections[1].n = input->debug_frame.bytes;
	}
	if (source->sections[0].bytes || source->sections[1].bytes)
		return 0;
	return code == -ENODATA ? debug_code : code;
}

int table_build(const struct elf *elf, struct cfi_table *table, struct err *err)
{
	struct input input guard(input_deinit) = {0};
	int code = input_read(&input, elf);
	input.source.go = table_go_is(elf);
	code = code ? err_set(err, code, ERR_FAILED, "no unwind information")
		    : cfi_compile(&input.source, table, err);
	if (!code && input.source.go)
		table_go_patch(elf, table);
	if (!code || code == -ENODATA)
		table_signal_patch(elf, table);
	return code && !table->n_rows ? code : 0;
}

static int compare_functions(const void *a, const void *b)
{
	const struct table_function *x = a, *y = b;
	return (x->address > y->address) - (x->address < y->address);
}

int table_functions(const struct elf *elf, struct table_function **out, uint32_t *n)
{
	struct input input guard(input_deinit) = {0};
	struct cfi_entries entries guard(cfi_entries_deinit) = {0};
	struct cfi_counts counts = {0};
	int code = input_read(&input, elf);
	if (!code)
		code = cfi_entries_read(&input.source, &entries, &counts);
	if (code)
		return code;
	struct table_function *functions = malloc((entries.n_fdes + 1ul) * sizeof(*functions));
	if (!functions)
		return -ENOMEM;
	for (uint32_t i = 0; i < entries.n_fdes; i++)
		functions[i] = (struct table_function){entries.fdes[i].vaddr,
						       entries.fdes[i].end - entries.fdes[i].start};
	code = sort_records(functions, entries.n_fdes, sizeof(*functions), compare_functions);
	if (code) {
		free(functions);
		return code;
	}
	*out = functions;
	*n = entries.n_fdes;
	return 0;
}
