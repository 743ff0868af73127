/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/cfi_rows.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "common/guard.h"
#include "symbolizer/cfi.h"

int cfi_rows_init(struct cfi_rows *b)
{
	*b = (struct cfi_rows){.n_slots = 1024, .rules_room = 256, .rows_room = 1024, .n_rules = 1};
	b->rows = malloc(b->rows_room * sizeof(*b->rows));
	b->rules = calloc(b->rules_room, sizeof(*b->rules));
	b->slots = calloc(b->n_slots, sizeof(*b->slots));
	b->seed = (uintptr_t)b->rows;
	if (b->rows && b->rules && b->slots)
		return 0;
	cfi_rows_deinit(b);
	return -ENOMEM;
}

void cfi_rows_deinit(struct cfi_rows *b)
{
	free(b->rows);
	free(b->rules);
	free(b->slots);
	*b = (struct cfi_rows){0};
}

static int grow(void *array, uint32_t *room, size_t size)
{
	void *bigger = realloc(*(void **)array, (size_t)*room * 2 * size);
	if (!bigger)
		return -ENOMEM;
	*(void **)array = bigger;
	*room *= 2;
	return 0;
}

/* The slot of a rule: its own, or the free one where it belongs. */
static uint32_t *slot_of(const struct cfi_rows *b, const struct unwind_rule *rule)
{
	uint32_t mask = b->n_slots - 1;
	for (uint32_t i = (uint32_t)XXH3_64bits_withSeed(rule, sizeof(*rule), b->seed);; i++) {
		uint32_t *slot = &b->slots[i & mask];
		if (!*slot || !memcmp(&b->rules[*slot], rule, sizeof(*rule)))
			return slot;
	}
}

static int grow_slots(struct cfi_rows *b)
{
	uint32_t n = b->n_slots * 2;
	uint32_t *slots = calloc(n, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(b->slots);
	b->slots = slots;
	b->n_slots = n;
	for (uint32_t i = 1; i < b->n_rules; i++)
		*slot_of(b, &b->rules[i]) = i;
	return 0;
}

static int intern(struct cfi_rows *b, const struct unwind_rule *rule, uint32_t *index)
{
	uint32_t *slot = slot_of(b, rule);
	if (*slot) {
		*index = *slot;
		return 0;
	}
	if (b->n_rules == UNWIND_RULES_MAX)
		return -E2BIG;
	if (b->n_rules == b->rules_room) {
		int code = grow(&b->rules, &b->rules_room, sizeof(*b->rules));
		if (code)
			return code;
	}
	b->rules[b->n_rules] = *rule;
	*slot = *index = b->n_rules++;
	return b->n_rules * 2 > b->n_slots ? grow_slots(b) : 0;
}

static int add_row(struct cfi_rows *b, uint32_t pc, uint32_t rule)
{
	if (b->n_rows && b->rows[b->n_rows - 1].pc == pc)
		b->n_rows--;
	assert(!b->n_rows || b->rows[b->n_rows - 1].pc < pc);
	if (b->n_rows ? b->rows[b->n_rows - 1].rule == rule : rule == UNWIND_NO_RULE)
		return 0;
	if (b->n_rows == UNWIND_ROWS_MAX)
		return -E2BIG;
	if (b->n_rows == b->rows_room) {
		int code = grow(&b->rows, &b->rows_room, sizeof(*b->rows));
		if (code)
			return code;
	}
	b->rows[b->n_rows++] = (struct unwind_row){.pc = pc, .rule = rule};
	return 0;
}

int cfi_rows_add(struct cfi_rows *b, uint32_t pc, const struct unwind_rule *rule)
{
	uint32_t index;
	int code = intern(b, rule, &index);
	return code ? code : add_row(b, pc, index);
}

int cfi_rows_gap(struct cfi_rows *b, uint32_t pc)
{
	return add_row(b, pc, UNWIND_NO_RULE);
}

void cfi_rows_take(struct cfi_rows *b, struct cfi_table *table)
{
	table->n_rows = b->n_rows;
	table->n_rules = b->n_rules;
	table->rows = steal_ptr(b->rows);
	table->rules = steal_ptr(b->rules);
}
