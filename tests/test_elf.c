/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/elf.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/err.h"
#include "tests/unit.h"

static int self(void)
{
	return open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
}

/* A file of these bytes, nowhere in the file system. */
static int file_of(const void *bytes, size_t n)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	CU_ASSERT_EQUAL(write(fd, bytes, n), (ssize_t)n);
	return fd;
}

static void reads_itself(void)
{
	guard_elf struct elf *elf = NULL;
	CU_ASSERT_EQUAL(elf_open(self(), &elf, NULL), 0);
	if (!elf)
		return;
	const Elf64_Shdr *text = elf_section(elf, ".text");
	CU_ASSERT_PTR_NOT_NULL(text);
	CU_ASSERT_PTR_NULL(elf_section(elf, ".no such"));
	CU_ASSERT_PTR_NOT_NULL(elf_section_of_type(elf, SHT_SYMTAB));
	uint64_t address = 0;
	CU_ASSERT_TRUE(elf_offset_to_address(elf, text->sh_offset + 5, &address));
	CU_ASSERT_EQUAL(address, text->sh_addr + 5);
	CU_ASSERT_FALSE(elf_offset_to_address(elf, elf->bytes + (1 << 20), &address));
	guard_elf_bytes struct elf_bytes code = {}, again = {};
	CU_ASSERT_EQUAL(elf_read_section(elf, text, 1 << 30, &code), 0);
	CU_ASSERT_EQUAL(elf_read_address(elf, text->sh_addr, code.bytes, 1 << 30, &again), 0);
	CU_ASSERT_EQUAL(memcmp(code.data, again.data, code.bytes), 0);
	struct elf_bytes none = {};
	CU_ASSERT_EQUAL(elf_read_section(elf, text, 10, &none), -EFBIG);
	CU_ASSERT_EQUAL(elf_read(elf, elf->bytes, 1, 10, &none), -ENOEXEC);
	CU_ASSERT_EQUAL(elf_read(elf, UINT64_MAX, UINT64_MAX, UINT64_MAX, &none), -ENOEXEC);
	CU_ASSERT_PTR_NULL(none.data);
}

/* libc has a build ID on every distribution; the running one is mapped in this process. */
static void finds_the_build_id(void)
{
	guard_file FILE *maps = fopen("/proc/self/maps", "re");
	char line[512], path[512] = "";
	while (maps && fgets(line, sizeof(line), maps))
		if (strstr(line, "/libc.so.6") &&
		    sscanf(line, "%*s %*s %*s %*s %*s %511s", path) == 1)
			break;
	guard_elf struct elf *elf = NULL;
	CU_ASSERT_EQUAL(elf_open(open(path, O_RDONLY | O_CLOEXEC), &elf, NULL), 0);
	uint8_t id[ELF_BUILD_ID_MAX];
	CU_ASSERT_TRUE(elf && elf_build_id(elf, id) == 20);
}

static void refuses(const void *bytes, size_t n, int expected, const char *words)
{
	struct elf *elf = NULL;
	struct err err = {};
	CU_ASSERT_EQUAL(elf_open(file_of(bytes, n), &elf, &err), expected);
	CU_ASSERT_PTR_NULL(elf);
	CU_ASSERT_STRING_EQUAL(err.msg, words);
}

static void refuses_what_it_cannot_read(void)
{
	Elf64_Ehdr header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1},
			     .e_type = ET_DYN};
	struct err err = {};
	struct elf *elf = NULL;
	refuses("", 0, -ENOEXEC, "not an ELF file");
	refuses(&header, sizeof(header) - 1, -ENOEXEC, "not an ELF file");
	refuses("#!/bin/sh\nexit 0; this is a long enough script, longer than 64\n", 64, -ENOEXEC,
		"not an ELF file");
	header.e_ident[EI_CLASS] = ELFCLASS32;
	refuses(&header, sizeof(header), -EOPNOTSUPP, "32-bit");
	header.e_ident[EI_CLASS] = ELFCLASS64;
	header.e_ident[EI_DATA] = ELFDATA2MSB;
	refuses(&header, sizeof(header), -EOPNOTSUPP, "big-endian");
	header.e_ident[EI_DATA] = ELFDATA2LSB;
	header.e_phnum = 3;
	header.e_phentsize = sizeof(Elf64_Phdr);
	header.e_phoff = UINT64_MAX - 10;
	refuses(&header, sizeof(header), -ENOEXEC, "broken ELF file: program headers");
	int pipes[2] = {-1, -1};
	CU_ASSERT_EQUAL(pipe(pipes), 0);
	CU_ASSERT_EQUAL(elf_open(pipes[0], &elf, &err), -ENOEXEC);
	CU_ASSERT_STRING_EQUAL(err.msg, "not a regular file");
	close(pipes[1]);
	CU_ASSERT_EQUAL(elf_open(-1, &elf, NULL), -EBADF);
}

static void section_headers_out_of_range_are_none(void)
{
	Elf64_Ehdr header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1},
			     .e_type = ET_DYN,
			     .e_shoff = 1 << 20,
			     .e_shnum = 7,
			     .e_shentsize = sizeof(Elf64_Shdr)};
	guard_elf struct elf *elf = NULL;
	CU_ASSERT_EQUAL(elf_open(file_of(&header, sizeof(header)), &elf, NULL), 0);
	CU_ASSERT_TRUE(elf && elf->n_sections == 0);
	CU_ASSERT_TRUE(elf && !elf_section(elf, ".text"));
}

SUITE(elf, {"reads itself", reads_itself}, {"finds the build ID", finds_the_build_id},
      {"refuses what it cannot read", refuses_what_it_cannot_read},
      {"section headers out of range are none", section_headers_out_of_range_are_none});
