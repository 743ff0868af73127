/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/go_names.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "common/cursor.h"
#include "symbolizer/elf.h"
#include "symbolizer/symbols.h"

enum {
	TABLE_MAX = 256 << 20, /* Kubernetes has 30 MiB */
};
#define MAGIC_1_18 0xfffffff0u
#define MAGIC_1_20 0xfffffff1u /* the same but for what is not read here */

/* What the table's header tells. */
struct header {
	uint64_t n_functions;
	uint64_t text;		   /* addresses of functions count from here */
	uint64_t names, functions; /* offsets in the table */
};

static const Elf64_Shdr *section_of(const struct elf *elf)
{
	const Elf64_Shdr *section = elf_section(elf, ".gopclntab");
	return section ? section : elf_section(elf, ".data.rel.ro.gopclntab");
}

bool go_names_has(const struct elf *elf)
{
	return section_of(elf) != NULL;
}

/* false: of another Go, another machine, or linked so that the address is not in the file. */
static bool read_header(const struct elf_bytes *table, struct header *header)
{
	struct cursor c = cursor_new(table->data, table->bytes);
	uint32_t magic = cursor_u32(&c);
	cursor_skip(&c, 3); /* two of padding, the size of an instruction */
	uint8_t pointer_bytes = cursor_u8(&c);
	header->n_functions = cursor_u64(&c);
	cursor_skip(&c, 8); /* files */
	header->text = cursor_u64(&c);
	header->names = cursor_u64(&c);
	cursor_skip(&c, 3 * 8ul); /* units, files, program counters */
	header->functions = cursor_u64(&c);
	return !c.failed && (magic == MAGIC_1_18 || magic == MAGIC_1_20) && pointer_bytes == 8 &&
	       header->text;
}

/* The name of the function that is described at this offset; "": none. */
static const char *name_at(const struct elf_bytes *table, const struct header *header,
			   uint64_t offset)
{
	uint64_t at;
	if (__builtin_add_overflow(header->functions, offset, &at) || at > table->bytes)
		return "";
	struct cursor c = cursor_new(table->data + at, table->bytes - at);
	cursor_skip(&c, 4); /* its address again */
	uint64_t name = cursor_u32(&c);
	if (c.failed || __builtin_add_overflow(header->names, name, &at) || at >= table->bytes)
		return "";
	return (const char *)table->data + at; /* a section is read with a NUL behind it */
}

static int add_functions(struct symbols *symbols, const struct elf_bytes *table,
			 const struct header *header)
{
	if (header->functions > table->bytes)
		return -ENOEXEC;
	struct cursor c =
		cursor_new(table->data + header->functions, table->bytes - header->functions);
	uint64_t start = cursor_u32(&c);
	for (uint64_t i = 0; i < header->n_functions && !c.failed; i++) {
		const char *name = name_at(table, header, cursor_u32(&c));
		uint64_t end = cursor_u32(&c);
		int code = !c.failed && *name && end > start
				   ? symbols_add(symbols, header->text + start, end - start, name)
				   : 0;
		if (code)
			return code;
		start = end;
	}
	return c.failed ? -ENOEXEC : 0;
}

int go_names_add(struct symbols *symbols, const struct elf *elf)
{
	const Elf64_Shdr *section = section_of(elf);
	guard_elf_bytes struct elf_bytes table = {};
	struct header header;
	if (!section)
		return 0;
	int code = elf_read_section(elf, section, TABLE_MAX, &table);
	if (code)
		return code;
	return read_header(&table, &header) ? add_functions(symbols, &table, &header) : 0;
}
