/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the answer of a worker that a target's file took over: refused, or within every
 * bound that those who asked rely on. The first byte chooses what was asked. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/unwind.h"
#include "common/worker_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void require(int condition)
{
	if (!condition)
		abort();
}

static void check_names(const struct worker_answer *answer)
{
	static struct worker_answer_text text;
	static struct worker_link_name name;
	size_t at = 0;
	for (uint32_t i = 0; i < answer->head.n; i++) {
		if (worker_answer_name(answer, &at, &text, &name))
			return;
		require(at <= answer->bytes && name.n_lines <= WORKER_LINK_LINES);
		for (uint32_t k = 0; k < name.n_lines; k++) {
			const struct worker_link_line *line = &name.lines[k];
			require(*line->name && strlen(line->name) <= LIMIT_NAME_BYTES &&
				strlen(line->system_name) <= LIMIT_NAME_BYTES &&
				strlen(line->file) <= LIMIT_NAME_BYTES &&
				strlen(line->module) <= LIMIT_NAME_BYTES);
		}
	}
}

static void check_opened(const struct worker_answer *answer)
{
	struct worker_opened opened;
	if (worker_answer_opened(answer, &opened))
		return;
	require(opened.n_segments <= WORKER_SEGMENTS && opened.n_build_id <= WORKER_BUILD_ID &&
		strlen(opened.note) < sizeof(opened.note) &&
		strlen(opened.debug_link) < sizeof(opened.debug_link) &&
		strlen(opened.alt_link) < sizeof(opened.alt_link));
}

static void check_table(const struct worker_answer *answer)
{
	struct worker_table table;
	if (!worker_answer_table(answer, &table))
		require(table.n_rows <= UNWIND_ROWS_MAX && table.n_rules <= UNWIND_RULES_MAX);
	(void)worker_answer_rules_ok((const void *)answer->records,
				     (uint32_t)(answer->bytes / sizeof(struct unwind_rule)));
	(void)worker_answer_rows_ok((const void *)answer->records,
				    (uint32_t)(answer->bytes / sizeof(struct unwind_row)), 10);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static uint64_t packet[LIMIT_PACKET_BYTES / sizeof(uint64_t)];
	struct worker_answer answer;
	char words[160];
	if (!bytes || bytes - 1 > sizeof(packet))
		return 0;
	memcpy(packet, data + 1, bytes - 1);
	static const uint32_t ops[] = {WORKER_NAMES, WORKER_OPEN, WORKER_TABLE};
	const struct worker_request request = {.op = ops[data[0] % 3], .object = 1};
	if (worker_answer_read(packet, bytes - 1, &request, &answer))
		return 0;
	worker_answer_words(&answer, words);
	require(strlen(words) < sizeof(words));
	if (request.op == WORKER_NAMES)
		check_names(&answer);
	else if (request.op == WORKER_OPEN)
		check_opened(&answer);
	else
		check_table(&answer);
	return 0;
}
