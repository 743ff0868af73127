/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/image.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/guard.h"

enum {
	SYMBOLS_AT = IMAGE_OFFSET + IMAGE_TEXT_BYTES,
	SECTIONS = 5,
};

static const char section_names[] = "\0.text\0.symtab\0.strtab\0.shstrtab";

/* The file's header, whose last section holds the names, and its one segment. */
static void put_program(uint8_t *image, uint64_t sections_at, uint16_t n_sections)
{
	Elf64_Ehdr header = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_DYN,
		.e_machine = EM_X86_64,
		.e_phoff = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1,
		.e_shoff = sections_at,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = n_sections,
		.e_shstrndx = (uint16_t)(n_sections - 1),
	};
	Elf64_Phdr text = {PT_LOAD,    PF_R | PF_X,	 IMAGE_OFFSET,	   IMAGE_TEXT,
			   IMAGE_TEXT, IMAGE_TEXT_BYTES, IMAGE_TEXT_BYTES, 0x1000};
	memcpy(image, &header, sizeof(header));
	memcpy(image + sizeof(header), &text, sizeof(text));
}

static void put_headers(uint8_t *image, uint64_t n, uint64_t strings_at, uint64_t strings_bytes,
			uint64_t sections_at)
{
	const uint64_t names_at = sections_at + SECTIONS * sizeof(Elf64_Shdr);
	Elf64_Shdr sections[SECTIONS] = {
		{},
		{1, SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, IMAGE_TEXT, IMAGE_OFFSET,
		 IMAGE_TEXT_BYTES},
		{7, SHT_SYMTAB, 0, 0, SYMBOLS_AT, n * sizeof(Elf64_Sym), 3, 1, 8,
		 sizeof(Elf64_Sym)},
		{15, SHT_STRTAB, 0, 0, strings_at, strings_bytes},
		{23, SHT_STRTAB, 0, 0, names_at, sizeof(section_names)},
	};
	put_program(image, sections_at, SECTIONS);
	memcpy(image + sections_at, sections, sizeof(sections));
	memcpy(image + names_at, section_names, sizeof(section_names));
}

uint8_t *image_new(const struct image_symbol *symbols, uint32_t n, size_t *bytes)
{
	uint64_t strings_bytes = 1;
	for (uint32_t i = 0; i < n; i++)
		strings_bytes += strlen(symbols[i].name) + 1;
	const uint64_t strings_at = SYMBOLS_AT + (n + 1) * sizeof(Elf64_Sym);
	const uint64_t sections_at = (strings_at + strings_bytes + 7) & ~7ull;
	*bytes = sections_at + SECTIONS * sizeof(Elf64_Shdr) + sizeof(section_names);
	uint8_t *image = calloc(1, *bytes);
	assert(image);
	put_headers(image, n + 1, strings_at, strings_bytes, sections_at);
	uint64_t name = 1;
	for (uint32_t i = 0; i < n; i++) {
		Elf64_Sym symbol = {
			.st_name = (uint32_t)name,
			.st_info = ELF64_ST_INFO(symbols[i].bind, symbols[i].type),
			.st_shndx = 1,
			.st_value = symbols[i].address,
			.st_size = symbols[i].bytes,
		};
		memcpy(image + SYMBOLS_AT + (i + 1) * sizeof(symbol), &symbol, sizeof(symbol));
		strcpy((char *)image + strings_at + name, symbols[i].name);
		name += strlen(symbols[i].name) + 1;
	}
	return image;
}

uint8_t *image_with(const struct image_section *list, uint32_t n, size_t *bytes)
{
	char names[1024] = "\0.text\0.shstrtab";
	size_t n_names = 17, at = IMAGE_OFFSET + IMAGE_TEXT_BYTES;
	Elf64_Shdr sections[18] = {
		{},
		{1, SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, IMAGE_TEXT, IMAGE_OFFSET,
		 IMAGE_TEXT_BYTES},
	};
	assert(n <= 15);
	for (uint32_t i = 0; i < n; i++) {
		sections[i + 2] = (Elf64_Shdr){
			(Elf64_Word)n_names, SHT_PROGBITS, list[i].flags, 0, at, list[i].bytes};
		at += list[i].bytes;
		n_names += (size_t)snprintf(names + n_names, sizeof(names) - n_names, "%s",
					    list[i].name) +
			   1;
	}
	sections[n + 2] = (Elf64_Shdr){7, SHT_STRTAB, 0, 0, at, sizeof(names)};
	const size_t sections_at = (at + sizeof(names) + 7) & ~7ull;
	*bytes = sections_at + (n + 3) * sizeof(Elf64_Shdr);
	uint8_t *image = calloc(1, *bytes);
	assert(image);
	put_program(image, sections_at, (uint16_t)(n + 3));
	for (uint32_t i = 0; i < n; i++)
		memcpy(image + sections[i + 2].sh_offset, list[i].data, list[i].bytes);
	memcpy(image + at, names, sizeof(names));
	memcpy(image + sections_at, sections, (n + 3) * sizeof(Elf64_Shdr));
	return image;
}

int image_file(const void *bytes, size_t n)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	assert(fd >= 0 && write(fd, bytes, n) == (ssize_t)n && lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

const char *image_library(const char *suffix)
{
	static char path[512];
	char line[1024];
	guard_file FILE *maps = fopen("/proc/self/maps", "re");
	while (maps && fgets(line, sizeof(line), maps)) {
		line[strcspn(line, "\n")] = 0;
		const char *name = strchr(line, '/');
		size_t n = name ? strlen(name) : 0, tail = strlen(suffix);
		if (n >= tail && n < sizeof(path) && !strcmp(name + n - tail, suffix))
			return strcpy(path, name);
	}
	return NULL;
}
