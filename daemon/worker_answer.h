/* SPDX-License-Identifier: Apache-2.0 */
/* Checks what a worker answered: pure functions over one packet, for worker_link.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"
#include "common/worker.h"
#include "daemon/worker_link.h"

struct unwind_row;
struct unwind_rule;

struct worker_answer {
	struct worker_reply head;
	const uint8_t *records; /* borrowed from the packet */
	size_t bytes;
};

/* All: 0, or -EPROTO. */
int worker_answer_read(const void *packet, size_t bytes, const struct worker_request *request,
		       struct worker_answer *answer);
/* The words of a refusal, cut to what a person reads. */
void worker_answer_words(const struct worker_answer *answer, char words[160]);
int worker_answer_opened(const struct worker_answer *answer, struct worker_opened *opened);

/* One name at a time: *at is the offset of the next record, 0 at first. `text` holds the strings of
 * `name`. */
struct worker_answer_text {
	char text[LIMIT_PACKET_BYTES + 4 * WORKER_LINK_LINES];
};
int worker_answer_name(const struct worker_answer *answer, size_t *at,
		       struct worker_answer_text *text, struct worker_link_name *name);

int worker_answer_table(const struct worker_answer *answer, struct worker_table *table);
bool worker_answer_rules_ok(const struct unwind_rule *rules, uint32_t n);
bool worker_answer_rows_ok(const struct unwind_row *rows, uint32_t n, uint32_t n_rules);
