/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as .eh_frame (first byte even) or .debug_frame: what comes out is a table that the
 * engine would take, or nothing. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/worker.h"
#include "symbolizer/cfi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct cfi_table *table)
{
	for (uint32_t i = 0; i < table->n_rows; i++)
		if (table->rows[i].rule >= table->n_rules ||
		    (i && table->rows[i].pc <= table->rows[i - 1].pc))
			abort();
	if (!table->n_rows || table->rows[table->n_rows - 1].rule != UNWIND_NO_RULE)
		abort();
	for (uint32_t i = 1; i < table->n_rules; i++) {
		const struct unwind_rule *rule = &table->rules[i];
		if (rule->cfa == UNWIND_CFA_NONE || rule->cfa > UNWIND_CFA_SIGNAL ||
		    rule->ra > UNWIND_RA_REGISTER || rule->cfa_register >= UNWIND_REGISTERS ||
		    rule->ra_register >= UNWIND_REGISTERS || rule->base >= UNWIND_REGISTERS)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct worker_segment all = {.memory_bytes = UINT32_MAX,
						  .file_bytes = UINT32_MAX};
	if (!size)
		return 0;
	struct cfi_source source = {.segments = &all, .n_segments = 1};
	source.sections[0] = (struct cfi_section){
		.bytes = data + 1, .n = size - 1, .vaddr = 0x10000000, .debug = data[0] & 1};
	struct cfi_table table = {0};
	if (!cfi_compile(&source, &table, NULL))
		check(&table);
	cfi_table_deinit(&table);
	return 0;
}
