/* SPDX-License-Identifier: Apache-2.0 */
/* Names addresses as a worker does: `names FILE [DEBUG-FILE [DWZ-FILE]] <addresses`, ELF addresses
 * in hex, a line each. Prints as llvm-symbolizer --addresses does: the address, then function and
 * file:line a frame, then an empty line. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/worker.h"
#include "symbolizer/elf.h"
#include "symbolizer/object.h"
#include "symbolizer/name_record.h"

/* The file offset of an address of code, or of nothing. */
static uint64_t offset_of(const struct elf *elf, uint64_t address)
{
	for (uint32_t i = 0; i < elf->n_segments; i++) {
		const Elf64_Phdr *p = &elf->segments[i];
		if (elf_is_code_segment(p) && address - p->p_vaddr < p->p_filesz)
			return address - p->p_vaddr + p->p_offset;
	}
	return UINT64_MAX;
}

static void print_frames(const uint8_t *record)
{
	struct worker_name head;
	memcpy(&head, record, sizeof(head));
	const char *at = (const char *)record + sizeof(head);
	for (uint32_t i = 0; i < head.n_lines; i++) {
		struct worker_line line;
		memcpy(&line, at, sizeof(line));
		const char *name = at + sizeof(line), *mangled = name + line.n_name;
		const char *file = mangled + line.n_system_name;
		if (line.n_system_name)
			printf("%.*s\n", line.n_system_name, mangled);
		else
			printf("%.*s\n", line.n_name, name);
		printf("%.*s:%u\n", line.n_file ? line.n_file : 2, line.n_file ? file : "??",
		       line.line);
		at = file + line.n_file + line.n_module;
	}
	if (!head.n_lines)
		printf("??\n??:0\n");
}

int main(int argc, char **argv)
{
	static uint64_t record[NAME_RECORD_BYTES / sizeof(uint64_t)];
	guard_object struct object *object = NULL;
	char line[64];
	if (argc < 2 || object_open(open(argv[1], O_RDONLY | O_CLOEXEC), false, &object, NULL))
		return 1;
	if (argc > 2 && object_add_debug(object, open(argv[2], O_RDONLY | O_CLOEXEC), NULL))
		return 1;
	if (argc > 3 && object_add_alt(object, open(argv[3], O_RDONLY | O_CLOEXEC), NULL))
		return 1;
	while (fgets(line, sizeof(line), stdin)) {
		uint64_t address = strtoull(line, NULL, 16);
		object_name(object, offset_of(object_elf(object), address), record);
		printf("%#lx\n", address);
		print_frames((const uint8_t *)record);
		printf("\n");
	}
	return 0;
}
