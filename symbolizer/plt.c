/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/plt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "symbolizer/elf.h"
#include "symbolizer/sort.h"
#include "symbolizer/symbols.h"

enum {
	SLOTS_MAX = 1 << 20, /* the largest programs import 20,000 functions */
	SECTION_MAX = 32 << 20,
	NAMES_MAX = 64 << 20,
};

struct slot {
	uint64_t address;
	uint32_t symbol;
};

/* What a file imports, and through which slots. */
struct imports {
	struct slot *slots; /* by address */
	uint32_t n_slots;
	struct elf_bytes symbols, names; /* .dynsym, .dynstr */
};

static void imports_deinit(struct imports *imports)
{
	free(imports->slots);
	elf_bytes_deinit(&imports->symbols);
	elf_bytes_deinit(&imports->names);
}

static int add_slots(struct imports *imports, const struct elf *elf, const char *name)
{
	const Elf64_Shdr *section = elf_section(elf, name);
	guard_elf_bytes struct elf_bytes table = {};
	if (!section || section->sh_type != SHT_RELA)
		return 0;
	int code = elf_read_section(elf, section, SLOTS_MAX * sizeof(Elf64_Rela), &table);
	if (code)
		return code;
	const Elf64_Rela *list = (const Elf64_Rela *)table.data;
	uint32_t n = (uint32_t)(table.bytes / sizeof(*list));
	void *grown = realloc(imports->slots, (imports->n_slots + n + 1ul) * sizeof(struct slot));
	if (!grown)
		return -ENOMEM;
	imports->slots = grown;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t type = ELF64_R_TYPE(list[i].r_info);
		if (type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT)
			imports->slots[imports->n_slots++] = (struct slot){
				list[i].r_offset, (uint32_t)ELF64_R_SYM(list[i].r_info)};
	}
	return 0;
}

static int compare_slots(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;
	return (x->address > y->address) - (x->address < y->address);
}

static int imports_read(struct imports *imports, const struct elf *elf)
{
	const Elf64_Shdr *symbols = elf_section_of_type(elf, SHT_DYNSYM);
	if (!symbols || symbols->sh_link >= elf->n_sections)
		return -ENODATA;
	int code = add_slots(imports, elf, ".rela.plt");
	if (!code)
		code = add_slots(imports, elf, ".rela.dyn");
	if (!code && !imports->n_slots)
		code = -ENODATA;
	if (!code)
		code = elf_read_section(elf, symbols, SECTION_MAX, &imports->symbols);
	if (!code)
		code = elf_read_section(elf, &elf->sections[symbols->sh_link], NAMES_MAX,
					&imports->names);
	if (!code)
		code = sort_records(imports->slots, imports->n_slots, sizeof(struct slot),
				    compare_slots);
	return code;
}

/* The name of what a slot leads to, or NULL. */
static const char *slot_name(const struct imports *imports, uint64_t address)
{
	const struct slot key = {.address = address};
	const struct slot *slot =
		bsearch(&key, imports->slots, imports->n_slots, sizeof(struct slot), compare_slots);
	if (!slot || slot->symbol >= imports->symbols.bytes / sizeof(Elf64_Sym))
		return NULL;
	const Elf64_Sym *symbol = (const Elf64_Sym *)imports->symbols.data + slot->symbol;
	if (symbol->st_name >= imports->names.bytes)
		return NULL;
	const char *name = (const char *)imports->names.data + symbol->st_name;
	return *name ? name : NULL;
}

/* Where a stub jumps through: `jmp *slot(%rip)`, perhaps behind endbr64 and a bnd prefix. false:
 * it is no such stub. */
static bool stub_slot(const uint8_t *code, uint64_t bytes, uint64_t address, uint64_t *slot)
{
	static const uint8_t endbr64[4] = {0xf3, 0x0f, 0x1e, 0xfa};
	uint64_t at = bytes >= 4 && !memcmp(code, endbr64, 4) ? 4 : 0;
	if (at < bytes && code[at] == 0xf2)
		at++;
	if (bytes - at < 6 || code[at] != 0xff || code[at + 1] != 0x25)
		return false;
	int32_t displacement;
	memcpy(&displacement, code + at + 2, sizeof(displacement));
	*slot = address + at + 6 + (uint64_t)(int64_t)displacement;
	return true;
}

static int add_stubs(struct symbols *symbols, const struct elf *elf, const struct imports *imports,
		     const char *section_name)
{
	const Elf64_Shdr *section = elf_section(elf, section_name);
	guard_elf_bytes struct elf_bytes code = {};
	if (!section || elf_read_section(elf, section, SECTION_MAX, &code))
		return 0;
	/* .plt.got has short ones */
	const uint64_t stub = section->sh_entsize == 8 ? 8 : 16;
	for (uint64_t at = 0; code.bytes - at >= stub; at += stub) {
		uint64_t slot;
		if (!stub_slot(code.data + at, stub, section->sh_addr + at, &slot))
			continue;
		const char *import = slot_name(imports, slot);
		if (!import)
			continue;
		char name[LIMIT_NAME_BYTES];
		snprintf(name, sizeof(name), "%.*s@plt", LIMIT_NAME_BYTES - 5, import);
		int result = symbols_add(symbols, section->sh_addr + at, stub, name);
		if (result)
			return result;
	}
	return 0;
}

int plt_add(struct symbols *symbols, const struct elf *elf)
{
	static const char *const sections[] = {".plt", ".plt.sec", ".plt.got"};
	if (elf->machine != EM_X86_64)
		return 0;
	struct imports imports guard(imports_deinit) = {};
	int code = imports_read(&imports, elf);
	if (code)
		return code == -ENODATA ? 0 : code;
	for (size_t i = 0; !code && i < sizeof(sections) / sizeof(*sections); i++)
		code = add_stubs(symbols, elf, &imports, sections[i]);
	return code;
}
