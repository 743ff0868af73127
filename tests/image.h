/* SPDX-License-Identifier: Apache-2.0 */
/* Small ELF files made in memory for tests. */
#pragma once

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

enum {
	IMAGE_TEXT = 0x1000, /* .text: ELF address; its file offset is IMAGE_OFFSET */
	IMAGE_OFFSET = 0x800,
	IMAGE_TEXT_BYTES = 0x1000,
};

struct image_symbol {
	const char *name;
	uint64_t address, bytes;
	int type, bind; /* STT_…, STB_… */
};

/* A program with .text, .symtab and .strtab; free() it. */
uint8_t *image_new(const struct image_symbol *symbols, uint32_t n, size_t *bytes);
struct image_section {
	const char *name;
	const void *data;
	size_t bytes;
	uint64_t flags;
};
/* The same with sections of any content and no symbols (up to 15). */
uint8_t *image_with(const struct image_section *sections, uint32_t n, size_t *bytes);
/* A file with these bytes that is nowhere in the file system, at offset 0. */
int image_file(const void *bytes, size_t n);
/* A path of a library of this process, by the end of its name ("/libc.so.6"); NULL: none. Static
 * storage. */
const char *image_library(const char *suffix);
