/* SPDX-License-Identifier: Apache-2.0 */
#include "common/worker_answer.h"

#include <errno.h>
#include <string.h>

#include "common/cursor.h"
#include "common/escape.h"
#include "common/unwind.h"

int worker_answer_read(const void *packet, size_t bytes, const struct worker_request *request,
		       struct worker_answer *answer)
{
	if (bytes < sizeof(answer->head))
		return -EPROTO;
	memcpy(&answer->head, packet, sizeof(answer->head));
	answer->records = (const uint8_t *)packet + sizeof(answer->head);
	answer->bytes = bytes - sizeof(answer->head);
	const struct worker_reply *head = &answer->head;
	if (head->op != request->op || head->object != request->object || head->last > 1 ||
	    head->code > 0 || head->code < -4095 || (head->code && !head->last))
		return -EPROTO;
	return 0;
}

void worker_answer_words(const struct worker_answer *answer, char words[160])
{
	escape_text(words, 160, (const char *)answer->records, answer->bytes);
}

int worker_answer_opened(const struct worker_answer *answer, struct worker_opened *opened)
{
	if (answer->head.n != 1 || !answer->head.last || answer->bytes != sizeof(*opened))
		return -EPROTO;
	struct worker_opened raw;
	memcpy(&raw, answer->records, sizeof(raw));
	if (raw.n_segments > WORKER_SEGMENTS || raw.n_build_id > WORKER_BUILD_ID ||
	    raw.n_alt_id > WORKER_BUILD_ID || !memchr(raw.debug_link, 0, sizeof(raw.debug_link)) ||
	    !memchr(raw.alt_link, 0, sizeof(raw.alt_link)))
		return -EPROTO;
	for (uint32_t i = 0; i < raw.n_segments; i++) {
		const struct worker_segment *s = &raw.segments[i];
		uint64_t end;
		if (__builtin_add_overflow(s->vaddr, s->memory_bytes, &end) ||
		    __builtin_add_overflow(s->offset, s->file_bytes, &end) ||
		    (i && s->vaddr < raw.segments[i - 1].vaddr))
			return -EPROTO;
	}
	char note[sizeof(raw.note)];
	escape_text(note, sizeof(note), raw.note, strnlen(raw.note, sizeof(raw.note)));
	memcpy(raw.note, note, sizeof(note));
	*opened = raw;
	return 0;
}

/* Copies the next n bytes with a NUL behind; they must hold none. */
static const char *take_text(struct cursor *c, size_t n, char **room)
{
	const char *from = cursor_bytes(c, n), *start = *room;
	if (!from || n > LIMIT_NAME_BYTES || memchr(from, 0, n)) {
		cursor_fail(c);
		return "";
	}
	memcpy(*room, from, n);
	(*room)[n] = 0;
	*room += n + 1;
	return start;
}

static void take_line(struct cursor *c, char **room, struct worker_link_line *line)
{
	struct worker_line raw = {};
	const void *from = cursor_bytes(c, sizeof(raw));
	if (!from)
		return;
	memcpy(&raw, from, sizeof(raw));
	line->name = take_text(c, raw.n_name, room);
	line->system_name = take_text(c, raw.n_system_name, room);
	line->file = take_text(c, raw.n_file, room);
	line->module = take_text(c, raw.n_module, room);
	line->line = raw.line;
	line->start_line = raw.start_line;
	if (!*line->name)
		cursor_fail(c);
}

int worker_answer_name(const struct worker_answer *answer, size_t *at,
		       struct worker_answer_text *text, struct worker_link_name *name)
{
	struct worker_name head;
	size_t left = answer->bytes - *at;
	if (left < sizeof(head))
		return -EPROTO;
	memcpy(&head, answer->records + *at, sizeof(head));
	if (head.bytes > left || head.bytes < sizeof(head) || head.bytes % 8 ||
	    head.n_lines > WORKER_LINK_LINES)
		return -EPROTO;
	struct cursor c =
		cursor_new(answer->records + *at + sizeof(head), head.bytes - sizeof(head));
	char *room = text->text;
	name->vaddr = head.vaddr;
	name->start = head.start;
	name->n_lines = head.n_lines;
	for (uint32_t i = 0; i < head.n_lines && !c.failed; i++)
		take_line(&c, &room, &name->lines[i]);
	if (c.failed || cursor_left(&c) >= 8)
		return -EPROTO;
	*at += head.bytes;
	return 0;
}

int worker_answer_table(const struct worker_answer *answer, struct worker_table *table)
{
	struct worker_table raw;
	if (answer->head.n != 1 || answer->bytes != sizeof(raw))
		return -EPROTO;
	memcpy(&raw, answer->records, sizeof(raw));
	if (!raw.n_rules || !raw.n_rows || raw.n_rules > UNWIND_RULES_MAX ||
	    raw.n_rows > UNWIND_ROWS_MAX)
		return -EPROTO;
	*table = raw;
	return 0;
}

bool worker_answer_rules_ok(const struct unwind_rule *rules, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (rules[i].cfa > UNWIND_CFA_SIGNAL || rules[i].ra > UNWIND_RA_REGISTER ||
		    rules[i].cfa_register >= UNWIND_REGISTERS ||
		    rules[i].ra_register >= UNWIND_REGISTERS || rules[i].base >= UNWIND_REGISTERS)
			return false;
	return true;
}

bool worker_answer_rows_ok(const struct unwind_row *rows, uint32_t n, uint32_t n_rules)
{
	for (uint32_t i = 0; i < n; i++)
		if (rows[i].rule >= n_rules || (i && rows[i].pc <= rows[i - 1].pc))
			return false;
	return true;
}
