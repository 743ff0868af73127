/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/go_table.h"

#include <errno.h>
#include <string.h>

#include "common/cursor.h"

enum {
	TABLE_MAX = 256 << 20, /* Kubernetes has 30 MiB */
};
#define MAGIC_1_18 0xfffffff0u
#define MAGIC_1_20 0xfffffff1u

static const Elf64_Shdr *section_of(const struct elf *elf)
{
	const Elf64_Shdr *section = elf_section(elf, ".gopclntab");
	return section ? section : elf_section(elf, ".data.rel.ro.gopclntab");
}

bool go_table_is_in(const struct elf *elf)
{
	return section_of(elf) != NULL;
}

static bool read_header(struct go_table *table)
{
	struct cursor c = cursor_new(table->bytes.data, table->bytes.bytes);
	uint32_t magic = cursor_u32(&c);
	cursor_skip(&c, 3); /* two of padding, the size of an instruction */
	uint8_t pointer_bytes = cursor_u8(&c);
	table->is_1_20 = magic == MAGIC_1_20;
	table->n_functions = cursor_u64(&c);
	cursor_skip(&c, 8); /* number of files */
	table->text = cursor_u64(&c);
	table->names = cursor_u64(&c);
	table->units = cursor_u64(&c);
	table->files = cursor_u64(&c);
	table->counters = cursor_u64(&c);
	table->functions = cursor_u64(&c);
	return !c.failed && (magic == MAGIC_1_18 || magic == MAGIC_1_20) && pointer_bytes == 8 &&
	       table->text;
}

int go_table_read(const struct elf *elf, struct go_table *out)
{
	const Elf64_Shdr *section = section_of(elf);
	guard_go_table struct go_table table = {};
	if (!section)
		return -ENODATA;
	int code = elf_read_section(elf, section, TABLE_MAX, &table.bytes);
	if (code)
		return code;
	if (!read_header(&table))
		return -ENODATA;
	table.address = section->sh_addr;
	*out = table;
	table.bytes = (struct elf_bytes){};
	return 0;
}

void go_table_deinit(struct go_table *table)
{
	elf_bytes_deinit(&table->bytes);
}

bool go_table_number(const struct go_table *table, uint64_t at, uint32_t *number)
{
	if (at > table->bytes.bytes || table->bytes.bytes - at < sizeof(*number))
		return false;
	memcpy(number, table->bytes.data + at, sizeof(*number));
	return true;
}

const char *go_table_text(const struct go_table *table, uint64_t base, uint64_t offset)
{
	uint64_t at;
	if (__builtin_add_overflow(base, offset, &at) || at >= table->bytes.bytes)
		return "";
	return (const char *)table->bytes.data + at; /* a section is read with a NUL behind it */
}

bool go_table_function(const struct go_table *table, uint64_t i, struct go_function *function)
{
	uint64_t at;
	uint32_t start, offset, end, name;
	if (i >= table->n_functions || __builtin_mul_overflow(i, 8, &at) ||
	    __builtin_add_overflow(at, table->functions, &at) ||
	    !go_table_number(table, at, &start) || !go_table_number(table, at + 4, &offset) ||
	    !go_table_number(table, at + 8, &end))
		return false;
	*function = (struct go_function){.address = table->text + start, .name = ""};
	if (__builtin_add_overflow(table->functions, offset, &function->at) ||
	    !go_table_number(table, function->at + 4, &name))
		return true;
	function->name = go_table_text(table, table->names, name);
	function->bytes = *function->name && end > start ? end - start : 0;
	return true;
}
