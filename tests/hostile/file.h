/* SPDX-License-Identifier: Apache-2.0 */
/* ELF programs of any content: each has code that loops for ever under a symbol, whatever else is
 * in it. */
#pragma once

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/bytes.h"

enum {
	FILE_TEXT = 0x1000, /* offset and address of .text, one page */
	FILE_TEXT_BYTES = 0x1000,
	FILE_SECTIONS = 25,
};
/* The symbol of all of .text. */
#define FILE_SYMBOL "survivor"

struct file_section {
	const char *name;
	struct bytes data;
	Elf64_Shdr header; /* what is 0 here is filled in */
};
struct file {
	struct file_section sections[FILE_SECTIONS];
	uint32_t n;
	uint64_t sparse_bytes; /* the file's size, of nothing, where its sections end before */
	bool no_symbols;
};

/* Takes the data; the section is the file's until file_bytes(). */
struct file_section *file_add(struct file *file, const char *name, struct bytes data_take);
/* The whole file; empties `file`. */
struct bytes file_bytes(struct file *file);
/* A file without a name that holds these bytes, and as many of nothing as there should be. */
int file_open(const struct bytes *bytes, uint64_t sparse_bytes);
