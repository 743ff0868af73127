/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/hostile/file.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct file_section *file_add(struct file *file, const char *name, struct bytes data_take)
{
	assert(file->n < FILE_SECTIONS);
	struct file_section *section = &file->sections[file->n++];
	*section = (struct file_section){.name = name, .data = data_take};
	return section;
}

static struct bytes symbol_table(void)
{
	const Elf64_Sym symbols[2] = {{0},
				      {.st_name = 1,
				       .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
				       .st_shndx = 1,
				       .st_value = FILE_TEXT,
				       .st_size = FILE_TEXT_BYTES}};
	struct bytes table = {0};
	bytes_raw(&table, symbols, sizeof(symbols));
	return table;
}

/* The same in all files, so that each can be the debug file of another. */
static struct bytes build_id(void)
{
	struct bytes note = {0};
	bytes_number(&note, 4, 4);
	bytes_number(&note, 20, 4);
	bytes_number(&note, NT_GNU_BUILD_ID, 4);
	bytes_text(&note, "GNU");
	bytes_fill(&note, 0xb1, 20);
	return note;
}

/* And so that each can hold what dwz moved out of another. */
static struct bytes alt_link(void)
{
	struct bytes link = {0};
	bytes_text(&link, "/usr/lib/debug/.dwz/alt.debug");
	bytes_fill(&link, 0xb1, 20);
	return link;
}

/* .text, .symtab, .strtab and the build ID before what the file has itself, names behind it. */
static void add_common(struct file *file, struct file *whole)
{
	struct bytes text = {0}, strings = {0};
	for (int i = 0; i < FILE_TEXT_BYTES; i += 2)
		bytes_raw(&text, "\xeb\xfe", 2); /* jmp to itself */
	bytes_raw(&strings, "\0" FILE_SYMBOL, sizeof("\0" FILE_SYMBOL));
	file_add(whole, "", (struct bytes){0});
	file_add(whole, ".text", text)->header = (Elf64_Shdr){.sh_type = SHT_PROGBITS,
							      .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
							      .sh_addr = FILE_TEXT};
	file_add(whole, ".note.gnu.build-id", build_id())->header.sh_type = SHT_NOTE;
	if (file->no_symbols) {
		free(strings.at);
	} else {
		file_add(whole, ".symtab", symbol_table())->header = (Elf64_Shdr){
			.sh_type = SHT_SYMTAB, .sh_link = 4, .sh_entsize = sizeof(Elf64_Sym)};
		file_add(whole, ".strtab", strings)->header.sh_type = SHT_STRTAB;
	}
	for (uint32_t i = 0; i < file->n; i++)
		*file_add(whole, file->sections[i].name, file->sections[i].data) =
			file->sections[i];
	file_add(whole, ".gnu_debugaltlink", alt_link());
}

/* Headers of sections that follow each other from `at` on; returns where they end. */
static uint64_t lay_out(struct file *whole, struct bytes *names, uint64_t at)
{
	for (uint32_t i = 0; i < whole->n; i++) {
		Elf64_Shdr *header = &whole->sections[i].header;
		header->sh_name = (Elf64_Word)names->n;
		bytes_text(names, whole->sections[i].name);
		if (i && !header->sh_type)
			header->sh_type = SHT_PROGBITS;
		if (!header->sh_offset)
			header->sh_offset = at;
		if (!header->sh_size)
			header->sh_size = whole->sections[i].data.n;
		at += whole->sections[i].data.n;
	}
	return at;
}

struct bytes file_bytes(struct file *file)
{
	struct file whole = {0};
	struct bytes names = {0}, out = {0};
	add_common(file, &whole);
	file_add(&whole, ".shstrtab", (struct bytes){0})->header.sh_type = SHT_STRTAB;
	uint64_t end = lay_out(&whole, &names, FILE_TEXT);
	whole.sections[whole.n - 1].data = names;
	whole.sections[whole.n - 1].header.sh_size = names.n;
	const Elf64_Ehdr header = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_DYN,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(header),
		.e_phoff = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1,
		.e_shoff = end + names.n,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = (Elf64_Half)whole.n,
		.e_shstrndx = (Elf64_Half)(whole.n - 1),
	};
	const Elf64_Phdr text = {PT_LOAD,   PF_R | PF_X,     FILE_TEXT,	      FILE_TEXT,
				 FILE_TEXT, FILE_TEXT_BYTES, FILE_TEXT_BYTES, 0x1000};
	bytes_raw(&out, &header, sizeof(header));
	bytes_raw(&out, &text, sizeof(text));
	bytes_fill(&out, 0, FILE_TEXT - out.n);
	for (uint32_t i = 0; i < whole.n; i++) {
		bytes_raw(&out, whole.sections[i].data.at, whole.sections[i].data.n);
		free(whole.sections[i].data.at);
	}
	for (uint32_t i = 0; i < whole.n; i++)
		bytes_raw(&out, &whole.sections[i].header, sizeof(Elf64_Shdr));
	*file = (struct file){0};
	return out;
}

int file_open(const struct bytes *bytes, uint64_t sparse_bytes)
{
	int fd = memfd_create("hostile", MFD_CLOEXEC);
	assert(fd >= 0);
	for (size_t done = 0; done < bytes->n;) {
		ssize_t n = write(fd, bytes->at + done, bytes->n - done);
		assert(n > 0);
		done += (size_t)n;
	}
	if (sparse_bytes > bytes->n && ftruncate(fd, (off_t)sparse_bytes))
		assert(false);
	return fd;
}
