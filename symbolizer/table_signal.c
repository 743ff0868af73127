/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/table_signal.h"

#include <stdlib.h>
#include <string.h>

#include "common/guard.h"
#include "symbolizer/cfi.h"
#include "symbolizer/elf.h"

enum {
	CODE_MAX = 16 << 20, /* glibc has 1.5 MB, static programs of Rust 10 */
	RSP = 7,
};

static const uint8_t sigreturn[TABLE_SIGNAL_BYTES] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};

static uint32_t find_in(const Elf64_Phdr *segment, const struct elf_bytes *code, uint32_t n,
			struct table_signal_place places[TABLE_SIGNAL_PLACES])
{
	const uint8_t *at = code->data, *end = code->data + code->bytes;
	while (n < TABLE_SIGNAL_PLACES &&
	       (at = memmem(at, (size_t)(end - at), sigreturn, sizeof(sigreturn)))) {
		const uint64_t into = (uint64_t)(at - code->data);
		places[n++] = (struct table_signal_place){segment->p_vaddr + into,
							  segment->p_offset + into};
		at += sizeof(sigreturn);
	}
	return n;
}

uint32_t table_signal_places(const struct elf *elf,
			     struct table_signal_place places[TABLE_SIGNAL_PLACES])
{
	uint64_t left = CODE_MAX;
	uint32_t n = 0;
	if (elf->machine != EM_X86_64)
		return 0;
	for (uint32_t i = 0; i < elf->n_segments; i++)
		if (elf->segments[i].p_type == PT_INTERP) /* its library has it */
			return 0;
	for (uint32_t i = 0; i < elf->n_segments; i++) {
		const Elf64_Phdr *segment = &elf->segments[i];
		guard_elf_bytes struct elf_bytes code = {};
		if (!elf_is_code_segment(segment) ||
		    elf_read(elf, segment->p_offset, segment->p_filesz, left, &code))
			continue;
		left -= code.bytes;
		n = find_in(segment, &code, n, places);
	}
	return n;
}

uint32_t table_signal_rule_at(const struct cfi_table *table, uint32_t pc)
{
	uint32_t rule = UNWIND_NO_RULE;
	for (uint32_t i = 0; i < table->n_rows && table->rows[i].pc <= pc; i++)
		rule = table->rows[i].rule;
	return rule;
}

/* Number of the rule, or UNWIND_NO_RULE. */
static uint32_t add_rule(struct cfi_table *table)
{
	const struct unwind_rule signal = {
		.cfa = UNWIND_CFA_SIGNAL, .cfa_register = RSP, .signal = 1};
	const uint32_t n = table->n_rules ? table->n_rules : 1; /* the first one is the gap */
	if (n == UNWIND_RULES_MAX)
		return UNWIND_NO_RULE;
	struct unwind_rule *rules = realloc(table->rules, (n + 1) * sizeof(*rules));
	if (!rules)
		return UNWIND_NO_RULE;
	if (!table->n_rules)
		rules[0] = (struct unwind_rule){0};
	rules[n] = signal;
	table->rules = rules;
	table->n_rules = n + 1;
	return n;
}

void table_signal_add(struct cfi_table *table, uint32_t start, uint32_t end)
{
	if (table->n_rows + 2 > UNWIND_ROWS_MAX)
		return;
	struct unwind_row *rows guard_mem = calloc(table->n_rows + 2, sizeof(*rows));
	uint32_t rule = rows ? add_rule(table) : UNWIND_NO_RULE, n = 0, i = 0;
	if (rule == UNWIND_NO_RULE)
		return;
	for (; i < table->n_rows && table->rows[i].pc < start; i++)
		rows[n++] = table->rows[i];
	rows[n++] = (struct unwind_row){start, rule};
	rows[n++] = (struct unwind_row){end, table_signal_rule_at(table, end)};
	for (; i < table->n_rows; i++)
		if (table->rows[i].pc > end)
			rows[n++] = table->rows[i];
	free(table->rows);
	table->rows = steal_ptr(rows);
	table->n_rows = n;
}

void table_signal_patch(const struct elf *elf, struct cfi_table *table)
{
	struct table_signal_place places[TABLE_SIGNAL_PLACES];
	const uint32_t n = table_signal_places(elf, places);
	for (uint32_t i = 0; i < n; i++) {
		const uint64_t at = places[i].offset;
		if (!at || at >= UINT32_MAX - TABLE_SIGNAL_BYTES ||
		    table_signal_rule_at(table, (uint32_t)at) != UNWIND_NO_RULE)
			continue;
		/* It is returned to: looked up one byte before. */
		table_signal_add(table, (uint32_t)at - 1, (uint32_t)at + TABLE_SIGNAL_BYTES);
	}
}
