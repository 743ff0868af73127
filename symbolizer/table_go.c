/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/table_go.h"

#include <stdlib.h>
#include <string.h>

#include "common/guard.h"
#include "symbolizer/cfi.h"
#include "symbolizer/elf.h"
#include "symbolizer/go_table.h"
#include "symbolizer/table_signal.h"

enum {
	SYMBOLS_BYTES_MAX = 256 << 20,
	FUNCTION_BYTES_MAX = 64 << 10,
	RSP = 7,
	R12 = 12,
	MOVE_BYTES = 3,
	NAME_MAX_BYTES = 64, /* longer than those that are looked for */
	PATCHES_MAX = 64,    /* a file could have a million of them */
};

static const uint8_t move_rsp_to_r12[MOVE_BYTES] = {0x49, 0x89, 0xe4};

enum patch_kind {
	PATCH_NONE,
	PATCH_FRAME,  /* goes over to g0's stack, and keeps rbp */
	PATCH_CLOCK,  /* the same to call the vdso, and keeps its own stack pointer in r12 */
	PATCH_ROOT,   /* goes over to g0's stack for good */
	PATCH_SIGNAL, /* the trampoline a signal handler returns to */
};

/* By name without ".abi0" (runtime/asm_amd64.s, sys_linux_amd64.s, time_linux_amd64.s of Go). */
static const struct {
	const char *name;
	enum patch_kind kind;
} patches[] = {
	{"runtime.systemstack", PATCH_FRAME}, {"runtime.nanotime1", PATCH_CLOCK},
	{"runtime.walltime", PATCH_CLOCK},    {"time.now", PATCH_CLOCK},
	{"runtime.asmcgocall", PATCH_FRAME},  {"runtime.mcall", PATCH_ROOT},
	{"runtime.morestack", PATCH_ROOT},    {"runtime.mstart", PATCH_ROOT},
	{"runtime.sigreturn", PATCH_SIGNAL},  {"runtime.sigreturn__sigaction", PATCH_SIGNAL},
};

bool table_go_is(const struct elf *elf)
{
	return elf_section(elf, ".gopclntab") || elf_section(elf, ".note.go.buildid");
}

static enum patch_kind kind_of(const char *name)
{
	size_t n = strnlen(name, NAME_MAX_BYTES);
	if (n == NAME_MAX_BYTES)
		return PATCH_NONE;
	if (n > 5 && !strcmp(name + n - 5, ".abi0"))
		n -= 5;
	for (unsigned i = 0; i < sizeof(patches) / sizeof(*patches); i++)
		if (strlen(patches[i].name) == n && !memcmp(patches[i].name, name, n))
			return patches[i].kind;
	return PATCH_NONE;
}

/* Number of a new rule, or UNWIND_NO_RULE. */
static uint32_t add_rule(struct cfi_table *table, const struct unwind_rule *rule)
{
	struct unwind_rule *rules = table->rules;
	if (table->n_rules == UNWIND_RULES_MAX)
		return UNWIND_NO_RULE;
	rules = realloc(rules, (table->n_rules + 1) * sizeof(*rules));
	if (!rules)
		return UNWIND_NO_RULE;
	table->rules = rules;
	rules[table->n_rules] = *rule;
	return table->n_rules++;
}

/* Rows that begin in [start, end) get a rule of their own that tells of the switch. Before Go 1.21
 * systemstack has no frame: rbp is still its caller's, which then is missing in the stack. */
static void patch_switch(struct cfi_table *table, uint32_t start, uint32_t end, uint8_t switched)
{
	for (uint32_t i = 0; i < table->n_rows; i++) {
		struct unwind_row *row = &table->rows[i];
		if (row->pc < start || row->pc >= end || row->rule == UNWIND_NO_RULE)
			continue;
		struct unwind_rule rule = table->rules[row->rule];
		rule.switched = switched;
		rule.saved[1] = -2; /* rbp */
		uint32_t number = add_rule(table, &rule);
		if (number != UNWIND_NO_RULE)
			row->rule = number;
	}
}

/* A row at `pc` with the rule that holds there. False: no memory, or no more rows are allowed. */
static bool split_row(struct cfi_table *table, uint32_t pc)
{
	uint32_t i = 0, rule = table_signal_rule_at(table, pc);
	while (i < table->n_rows && table->rows[i].pc < pc)
		i++;
	if (i < table->n_rows && table->rows[i].pc == pc)
		return true;
	if (table->n_rows == UNWIND_ROWS_MAX)
		return false;
	struct unwind_row *rows = realloc(table->rows, (table->n_rows + 1) * sizeof(*rows));
	if (!rows)
		return false;
	memmove(rows + i + 1, rows + i, (table->n_rows - i) * sizeof(*rows));
	rows[i] = (struct unwind_row){pc, rule};
	table->rows = rows;
	table->n_rows++;
	return true;
}

/* From where r12 has what rsp had, on to the function's end, the frame is where r12 says: also for
 * the leaf, at the instructions around the calls, while rsp is on the other stack. `code`: the
 * function's bytes, which lie at `start`. */
static void patch_clock(struct cfi_table *table, uint32_t start, const uint8_t *code, size_t bytes)
{
	const uint8_t *move = memmem(code, bytes, move_rsp_to_r12, MOVE_BYTES);
	uint32_t end = start + (uint32_t)bytes;
	uint32_t from = move ? start + (uint32_t)(move - code) + MOVE_BYTES : end;
	uint32_t body = table_signal_rule_at(table, from);
	struct unwind_rule rule = table->rules[body];
	patch_switch(table, start, end, UNWIND_SWITCH_FRAME);
	if (from >= end || body == UNWIND_NO_RULE || rule.cfa != UNWIND_CFA_REGISTER ||
	    rule.cfa_register != RSP || !split_row(table, from))
		return;
	rule.cfa_register = R12;
	rule.switched = UNWIND_SWITCH_CFA;
	rule.saved[1] = -2; /* rbp */
	uint32_t number = add_rule(table, &rule);
	for (uint32_t i = 0; i < table->n_rows && number != UNWIND_NO_RULE; i++)
		if (table->rows[i].pc >= from && table->rows[i].pc < end &&
		    table->rules[table->rows[i].rule].offset == rule.offset)
			table->rows[i].rule = number;
}

static void patch(const struct elf *elf, struct cfi_table *table, uint64_t address, uint64_t bytes,
		  enum patch_kind kind)
{
	for (uint32_t i = 0; i < elf->n_segments; i++) {
		const Elf64_Phdr *segment = &elf->segments[i];
		uint64_t into = address - segment->p_vaddr;
		if (!elf_is_code_segment(segment) || into >= segment->p_filesz ||
		    bytes > segment->p_filesz - into)
			continue;
		uint64_t start = segment->p_offset + into, end = start + bytes;
		if (!start || end >= UINT32_MAX || start >= end)
			return;
		struct elf_bytes code guard_elf_bytes = {0};
		if (kind == PATCH_CLOCK &&
		    !elf_read(elf, start, end - start, FUNCTION_BYTES_MAX, &code))
			patch_clock(table, (uint32_t)start, code.data, code.bytes);
		else if (kind == PATCH_SIGNAL) /* it is returned to: looked up one byte before */
			table_signal_add(table, (uint32_t)start - 1, (uint32_t)end);
		else
			patch_switch(table, (uint32_t)start, (uint32_t)end,
				     kind == PATCH_ROOT ? UNWIND_SWITCH_ROOT : UNWIND_SWITCH_FRAME);
		return;
	}
}

/* Of a stripped program. */
static void patch_by_go_table(const struct elf *elf, struct cfi_table *table)
{
	guard_go_table struct go_table functions = {};
	struct go_function function;
	unsigned done = 0;
	if (go_table_read(elf, &functions))
		return;
	for (uint64_t i = 0; done < PATCHES_MAX && go_table_function(&functions, i, &function);
	     i++) {
		enum patch_kind kind = kind_of(function.name);
		if (kind == PATCH_NONE)
			continue;
		patch(elf, table, function.address, function.bytes, kind);
		done++;
	}
}

void table_go_patch(const struct elf *elf, struct cfi_table *table)
{
	struct elf_bytes symbols guard_elf_bytes = {0}, names guard_elf_bytes = {0};
	const Elf64_Shdr *symtab = elf_section_of_type(elf, SHT_SYMTAB);
	if (!symtab) {
		patch_by_go_table(elf, table);
		return;
	}
	if (symtab->sh_link >= elf->n_sections ||
	    elf_read_section(elf, symtab, SYMBOLS_BYTES_MAX, &symbols) ||
	    elf_read_section(elf, &elf->sections[symtab->sh_link], SYMBOLS_BYTES_MAX, &names))
		return;
	unsigned done = 0;
	for (uint64_t i = 0; i < symbols.bytes / sizeof(Elf64_Sym) && done < PATCHES_MAX; i++) {
		Elf64_Sym symbol;
		memcpy(&symbol, symbols.data + i * sizeof(symbol), sizeof(symbol));
		if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_name >= names.bytes)
			continue;
		enum patch_kind kind = kind_of((const char *)names.data + symbol.st_name);
		if (kind == PATCH_NONE)
			continue;
		patch(elf, table, symbol.st_value, symbol.st_size, kind);
		done++;
	}
}
