/* SPDX-License-Identifier: Apache-2.0 */
/* Checks what a worker answered: pure functions over one packet, for those who ask it (the engine's
 * worker_link, the CLI's symbolize_worker). What comes out can be believed in shape, not in
 * meaning: a name may hold any byte but NUL. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"
#include "common/worker.h"

struct unwind_row;
struct unwind_rule;

enum {
	WORKER_LINK_LINES = 64, /* of one address: an inline chain of gcc has 30 */
};

struct worker_link_line {
	const char *name;	   /* not empty */
	const char *system_name;   /* mangled; "" the same as name */
	const char *file, *module; /* or "" */
	uint32_t line, start_line; /* 0: not known */
};
struct worker_link_name {
	uint64_t vaddr;
	uint64_t start;	  /* n_lines 0: where the nameless function begins; 0: not known */
	uint32_t n_lines; /* 0: no name is known */
	struct worker_link_line lines[WORKER_LINK_LINES]; /* innermost inline first */
};

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
