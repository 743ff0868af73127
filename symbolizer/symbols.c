/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/symbols.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "symbolizer/elf.h"
#include "symbolizer/sort.h"
#include "symbolizer/spans.h"

struct area {
	uint64_t start, end;
};

struct entry {
	uint64_t address, bytes;
	uint32_t name; /* offset into names */
	uint32_t rank; /* greater: the better name at this address */
};

struct symbols {
	struct area *areas; /* of code, by start */
	uint32_t n_areas;
	uint32_t n_entries, room_entries;
	struct entry *entries; /* until symbols_finish() */
	char *names;	       /* string tables one behind the other, each with a NUL */
	uint64_t names_bytes, room_names;
	struct spans spans; /* address → name */
};

static int compare_areas(const void *a, const void *b)
{
	const struct area *x = a, *y = b;
	return (x->start > y->start) - (x->start < y->start);
}

static void add_area(struct symbols *symbols, uint64_t start, uint64_t bytes)
{
	uint64_t end;
	if (bytes && !__builtin_add_overflow(start, bytes, &end))
		symbols->areas[symbols->n_areas++] = (struct area){start, end};
}

int symbols_new(const struct elf *elf, struct symbols **out)
{
	guard_symbols struct symbols *symbols = calloc(1, sizeof(*symbols));
	if (!symbols)
		return -ENOMEM;
	symbols->areas = calloc(elf->n_sections + elf->n_segments + 1, sizeof(struct area));
	if (!symbols->areas)
		return -ENOMEM;
	const uint64_t is_code = SHF_ALLOC | SHF_EXECINSTR;
	for (uint32_t i = 0; i < elf->n_sections; i++)
		if ((elf->sections[i].sh_flags & is_code) == is_code)
			add_area(symbols, elf->sections[i].sh_addr, elf->sections[i].sh_size);
	for (uint32_t i = 0; !elf->n_sections && i < elf->n_segments; i++)
		if (elf_is_code_segment(&elf->segments[i]))
			add_area(symbols, elf->segments[i].p_vaddr, elf->segments[i].p_memsz);
	int code =
		sort_records(symbols->areas, symbols->n_areas, sizeof(struct area), compare_areas);
	if (code)
		return code;
	*out = steal_ptr(symbols);
	return 0;
}

void symbols_free(struct symbols *symbols)
{
	if (!symbols)
		return;
	free(symbols->areas);
	free(symbols->entries);
	free(symbols->names);
	spans_deinit(&symbols->spans);
	free(symbols);
}

/* The last area that starts at or below the address, if it reaches there. */
static const struct area *find_area(const struct symbols *symbols, uint64_t address)
{
	uint32_t low = 0, high = symbols->n_areas;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (symbols->areas[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	const struct area *area = low ? &symbols->areas[low - 1] : NULL;
	return area && address < area->end ? area : NULL;
}

static int reserve_entries(struct symbols *symbols, uint64_t more)
{
	if (more > SYMBOLS_MAX - symbols->n_entries)
		return -EFBIG;
	uint64_t need = symbols->n_entries + more, room = symbols->room_entries;
	if (need <= room)
		return 0;
	room = need > 2 * room ? need : 2 * room;
	void *entries = realloc(symbols->entries, room * sizeof(struct entry));
	if (!entries)
		return -ENOMEM;
	symbols->entries = entries;
	symbols->room_entries = (uint32_t)room;
	return 0;
}

/* A table of strings at once as it is; what comes a name at a time (Go, PLT) in large steps. */
static int reserve_names(struct symbols *symbols, uint64_t need)
{
	uint64_t room = symbols->room_names;
	if (need <= room)
		return 0;
	room = need > room + room / 2 ? need : room + room / 2;
	char *grown = realloc(symbols->names, room);
	if (!grown)
		return -ENOMEM;
	symbols->names = grown;
	symbols->room_names = room;
	return 0;
}

/* Appends bytes and a NUL; *offset: where they lie. */
static int append_names(struct symbols *symbols, const void *names, uint64_t bytes,
			uint64_t *offset)
{
	if (bytes >= SYMBOLS_NAMES_MAX - symbols->names_bytes)
		return -EFBIG;
	int code = reserve_names(symbols, symbols->names_bytes + bytes + 1);
	if (code)
		return code;
	memcpy(symbols->names + symbols->names_bytes, names, bytes);
	symbols->names[symbols->names_bytes + bytes] = 0;
	*offset = symbols->names_bytes;
	symbols->names_bytes += bytes + 1;
	return 0;
}

static uint32_t rank(const Elf64_Sym *symbol, const char *name)
{
	uint32_t type = ELF64_ST_TYPE(symbol->st_info), bind = ELF64_ST_BIND(symbol->st_info);
	uint32_t underscores = 0, bytes = (uint32_t)strnlen(name, 255);
	while (underscores < 15 && name[underscores] == '_')
		underscores++;
	return (uint32_t)(symbol->st_size != 0) << 24 | (uint32_t)(type != STT_NOTYPE) << 23 |
	       (uint32_t)(bind != STB_LOCAL) << 22 | (15 - underscores) << 16 |
	       (uint32_t)(bind == STB_GLOBAL) << 15 | (255 - bytes) << 1 | 1;
}

static bool is_function(const Elf64_Sym *symbol)
{
	uint32_t type = ELF64_ST_TYPE(symbol->st_info);
	return symbol->st_shndx != SHN_UNDEF &&
	       (symbol->st_shndx < SHN_LORESERVE || symbol->st_shndx == SHN_XINDEX) &&
	       (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE);
}

static void add_symbol(struct symbols *symbols, const Elf64_Sym *symbol, uint64_t names)
{
	const char *name = symbols->names + names + symbol->st_name;
	/* `$x`, `$d`: marks of arm64 between code and data */
	if (!*name || *name == '$' || !find_area(symbols, symbol->st_value))
		return;
	symbols->entries[symbols->n_entries++] =
		(struct entry){symbol->st_value, symbol->st_size,
			       (uint32_t)(names + symbol->st_name), rank(symbol, name)};
}

int symbols_add_table(struct symbols *symbols, const struct elf *elf, uint32_t section_type)
{
	const Elf64_Shdr *section = elf_section_of_type(elf, section_type);
	if (!section || section->sh_type == SHT_NOBITS)
		return 0;
	if (section->sh_entsize != sizeof(Elf64_Sym) || section->sh_link >= elf->n_sections)
		return -ENOEXEC;
	guard_elf_bytes struct elf_bytes table = {}, strings = {};
	const uint64_t limit = SYMBOLS_MAX * sizeof(Elf64_Sym);
	int code = elf_read_section(elf, section, limit, &table);
	if (!code)
		code = elf_read_section(elf, &elf->sections[section->sh_link], SYMBOLS_NAMES_MAX,
					&strings);
	uint64_t n = table.bytes / sizeof(Elf64_Sym), names = 0;
	if (!code)
		code = reserve_entries(symbols, n);
	if (!code)
		code = append_names(symbols, strings.data, strings.bytes, &names);
	if (code)
		return code;
	const Elf64_Sym *list = (const Elf64_Sym *)table.data;
	for (uint64_t i = 0; i < n; i++)
		if (is_function(&list[i]) && list[i].st_name < strings.bytes)
			add_symbol(symbols, &list[i], names);
	return 0;
}

int symbols_add(struct symbols *symbols, uint64_t address, uint64_t bytes, const char *name)
{
	uint64_t offset;
	int code = reserve_entries(symbols, 1);
	if (!code)
		code = append_names(symbols, name, strlen(name), &offset);
	if (code)
		return code;
	symbols->entries[symbols->n_entries++] =
		(struct entry){address, bytes, (uint32_t)offset, 0};
	return 0;
}

/* By address; at one address the best name last, so that spans_lay_out() gives it the address. */
static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return (x->name < y->name) - (x->name > y->name);
}

/* Gives symbols of size 0 their end, and takes out those that a sized one covers. */
static void settle_sizes(struct symbols *symbols)
{
	struct entry *entries = symbols->entries;
	uint32_t kept = 0, n = symbols->n_entries;
	uint64_t covered = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t end;
		if (!entries[i].bytes && entries[i].address < covered)
			continue;
		if (__builtin_add_overflow(entries[i].address, entries[i].bytes, &end))
			continue;
		covered = end > covered ? end : covered;
		entries[kept++] = entries[i];
	}
	for (uint32_t i = 0; i < kept; i++) {
		if (entries[i].bytes)
			continue;
		const struct area *area = find_area(symbols, entries[i].address);
		uint64_t end = area ? area->end : entries[i].address;
		if (i + 1 < kept && entries[i + 1].address < end)
			end = entries[i + 1].address;
		entries[i].bytes = end - entries[i].address;
	}
	symbols->n_entries = kept;
}

int symbols_finish(struct symbols *symbols)
{
	int code = sort_records(symbols->entries, symbols->n_entries, sizeof(struct entry),
				compare_entries);
	if (code)
		return code;
	settle_sizes(symbols);
	const uint32_t n = symbols->n_entries;
	guard_mem struct span *spans = malloc((n + 1ul) * sizeof(*spans));
	if (!spans)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		const struct entry *e = &symbols->entries[i];
		uint32_t bytes = e->bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)e->bytes;
		spans[i] = (struct span){e->address, bytes, e->name};
	}
	free(symbols->entries);
	symbols->entries = NULL;
	symbols->room_entries = 0;
	return spans_lay_out(spans, n, &symbols->spans);
}

uint32_t symbols_n(const struct symbols *symbols)
{
	return symbols->n_entries;
}

const char *symbols_find(const struct symbols *symbols, uint64_t address)
{
	const struct span *span = spans_find(&symbols->spans, address);
	return span ? symbols->names + span->value : NULL;
}
