/* SPDX-License-Identifier: Apache-2.0 */
/* A reader of ELF64 files that trusts none of their numbers. Everything is read with pread() into
 * memory of ours: a mapped file could shrink under us and kill the process with SIGBUS. Every table
 * is bounded before it is allocated (gABI "Object Files"). */
#pragma once

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/guard.h"

struct err;

enum {
	ELF_SEGMENTS_MAX = 1024,
	ELF_SECTIONS_MAX = 1 << 17, /* -ffunction-sections in objects; executables have 40 */
	ELF_BUILD_ID_MAX = 32,	    /* SHA-1 has 20 */
};

struct elf {
	int fd;		 /* owned; -1: the file is in `memory` */
	uint8_t *memory; /* owned, or NULL */
	uint64_t bytes;	 /* of the file */
	uint16_t type;	 /* ET_EXEC, ET_DYN, ET_REL */
	uint16_t machine;
	uint32_t n_segments;
	uint32_t n_sections;
	Elf64_Phdr *segments;
	Elf64_Shdr *sections;
	char *section_names; /* NUL at the end, whatever the file says */
	uint64_t section_names_bytes;
};

/* Bytes of a file, one more (a NUL) than `bytes`. */
struct elf_bytes {
	uint8_t *data;
	uint64_t bytes;
};

/* Takes the fd, also when it fails. -ENOEXEC: no ELF file, or a broken one; -EOPNOTSUPP: 32 bits,
 * big endian, another machine; -ENOMEM; -EIO. Section headers that make no sense count as none. */
int elf_open(int fd_take, struct elf **elf, struct err *err);
/* The same for a file in memory, which it takes (also when it fails). */
int elf_open_memory(uint8_t *memory_take, uint64_t bytes, struct elf **elf, struct err *err);
void elf_close(struct elf *elf);
GUARD_DEFINE(elf, struct elf *, elf_close)
#define guard_elf guard(guard_elf)

/* NULL where there is none; the first of this name or type. */
const Elf64_Shdr *elf_section(const struct elf *elf, const char *name);
const Elf64_Shdr *elf_section_of_type(const struct elf *elf, uint32_t type);

/* Reads [offset, offset + bytes) of the file. -ENOEXEC: beyond its end; -EFBIG: more than `limit`.
 * Free with elf_bytes_deinit(). */
int elf_read(const struct elf *elf, uint64_t offset, uint64_t bytes, uint64_t limit,
	     struct elf_bytes *out);
/* Reads a section, unpacked if it is compressed (SHF_COMPRESSED, zlib or zstd): `limit` holds for
 * the unpacked size. A section without bytes in the file (SHT_NOBITS) is -ENODATA. */
int elf_read_section(const struct elf *elf, const Elf64_Shdr *section, uint64_t limit,
		     struct elf_bytes *out);
/* Reads memory of the running program: [address, address + bytes) inside one PT_LOAD's file bytes.
 */
int elf_read_address(const struct elf *elf, uint64_t address, uint64_t bytes, uint64_t limit,
		     struct elf_bytes *out);
void elf_bytes_deinit(struct elf_bytes *bytes);
#define guard_elf_bytes guard(elf_bytes_deinit)

/* File offset of executed code → its ELF address. A mapping covers whole pages, so an offset may
 * lie a little before or behind the segment's own bytes. false: in no executable PT_LOAD. */
bool elf_offset_to_address(const struct elf *elf, uint64_t offset, uint64_t *address);
/* One whose numbers wrap around is none. */
bool elf_is_code_segment(const Elf64_Phdr *segment);

/* NT_GNU_BUILD_ID into `id`; returns its bytes, 0: none. */
size_t elf_build_id(const struct elf *elf, uint8_t id[ELF_BUILD_ID_MAX]);
