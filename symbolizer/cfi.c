/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/cfi.h"

#include <errno.h>
#include <stdlib.h>

#include "common/err.h"
#include "common/guard.h"
#include "symbolizer/cfi_entries.h"
#include "symbolizer/cfi_rows.h"

/* The table being made, and the function being told about. */
struct compiler {
	const struct cfi_source *source;
	struct cfi_entries entries;
	struct cfi_rows rows;
	struct cfi_counts counts;
	const struct cfi_fde *fde;
	const struct cfi_cie *cie;
	uint32_t told; /* up to here rows are made */
};

static void compiler_deinit(struct compiler *c)
{
	cfi_entries_deinit(&c->entries);
	cfi_rows_deinit(&c->rows);
}

/* The file offset of an address of the function, within what is still to be told. */
static uint32_t offset_of(const struct compiler *c, uint64_t vaddr)
{
	uint64_t into = vaddr - c->fde->vaddr, size = c->fde->end - c->fde->start;
	uint32_t pc = c->fde->start + (uint32_t)(into < size ? into : size);
	return pc > c->told ? pc : c->told;
}

static int on_range(void *data, uint64_t start, const struct cfi_state *state)
{
	struct compiler *c = data;
	uint32_t pc = offset_of(c, start);
	if (pc >= c->fde->end)
		return 0;
	bool lost;
	struct unwind_rule rule = cfi_rule(state, c->cie->signal, &lost);
	if (c->source->go && c->source->sections[c->cie->section].debug)
		cfi_rule_go(&rule);
	c->counts.rows_unknown += rule.cfa == UNWIND_CFA_UNKNOWN;
	c->counts.rows_lost += lost;
	return cfi_rows_add(&c->rows, pc, &rule);
}

static int compile_fde(struct compiler *c, const struct cfi_fde *fde)
{
	c->counts.fdes_overlapping += fde->start < c->told;
	if (fde->end <= c->told)
		return 0;
	c->fde = fde;
	c->cie = &c->entries.cies[fde->cie];
	const struct cfi_section *section = &c->source->sections[c->cie->section];
	struct cfi_run run = {.cie = c->cie,
			      .program = cursor_new(section->bytes + fde->program, fde->n_program),
			      .vaddr = section->vaddr + fde->program,
			      .start = fde->vaddr,
			      .end = fde->vaddr + fde->n,
			      .state = c->cie->initial,
			      .on_range = on_range,
			      .data = c};
	uint64_t broken_at;
	int code = cfi_run(&run, &broken_at);
	if (code < 0)
		return code;
	c->counts.fdes_broken += code;
	uint32_t gap_at = code ? offset_of(c, broken_at) : fde->end;
	code = cfi_rows_gap(&c->rows, gap_at);
	c->told = fde->end;
	return code;
}

static int compile(struct compiler *c)
{
	int code = cfi_rows_init(&c->rows);
	if (!code)
		code = cfi_entries_read(c->source, &c->entries, &c->counts);
	for (uint32_t i = 0; !code && i < c->entries.n_fdes; i++)
		code = compile_fde(c, &c->entries.fdes[i]);
	return code;
}

int cfi_compile(const struct cfi_source *source, struct cfi_table *table, struct err *err)
{
	struct compiler c guard(compiler_deinit) = {.source = source};
	int code = compile(&c);
	if (code == -E2BIG)
		return err_set(err, code, ERR_FAILED, "more unwind information than fits");
	if (code)
		return err_set(err, code, ERR_FAILED, "no memory for unwind rows");
	if (!c.rows.n_rows)
		return err_set(err, -ENODATA, ERR_FAILED, "no unwind information");
	cfi_rows_take(&c.rows, table);
	table->counts = c.counts;
	return 0;
}

void cfi_table_deinit(struct cfi_table *table)
{
	free(table->rows);
	free(table->rules);
	*table = (struct cfi_table){0};
}
