/* SPDX-License-Identifier: Apache-2.0 */
/* Builds a table: rows in ascending order, equal neighbours merged, each distinct rule once. For
 * cfi*.c only. */
#pragma once

#include <stdint.h>
#include "common/unwind.h"

struct cfi_table;

struct cfi_rows {
	uint64_t seed; /* of hashes: an address, so that a file's author cannot make rules meet */
	struct unwind_row *rows;
	uint32_t n_rows, rows_room;
	struct unwind_rule *rules;
	uint32_t n_rules, rules_room;
	uint32_t *slots; /* hash of rules → index, 0: free */
	uint32_t n_slots;
};

/* 0 or -ENOMEM. */
int cfi_rows_init(struct cfi_rows *b);
void cfi_rows_deinit(struct cfi_rows *b);

/* `rule` holds from `pc` on, which is at or after the last one's: at the same pc it takes the
 * last one's place. 0, -E2BIG, -ENOMEM. */
int cfi_rows_add(struct cfi_rows *b, uint32_t pc, const struct unwind_rule *rule);
/* Nothing is known from `pc` on. */
int cfi_rows_gap(struct cfi_rows *b, uint32_t pc);

/* Moves the arrays into the table. */
void cfi_rows_take(struct cfi_rows *b, struct cfi_table *table);
