/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/name_record.h"

#include <stdbool.h>
#include <string.h>

#include "common/limits.h"
#include "symbolizer/demangle.h"
#include "symbolizer/dwarf.h"

enum {
	READABLE_SHORT =
		256, /* where a chain is long: those of boost::spirit have 1,400 bytes each */
	LINE_MOST = sizeof(struct worker_line) + 3 * LIMIT_NAME_BYTES,
	LINE_SHORT_MOST = sizeof(struct worker_line) + READABLE_SHORT + 2 * LIMIT_NAME_BYTES,
	ROOM = NAME_RECORD_BYTES - 8, /* and padding */
};
_Static_assert(sizeof(struct worker_name) + 2 * LINE_MOST <= ROOM, "two lines fit");

void name_record_begin(struct name_record *record, void *bytes, uint64_t vaddr)
{
	*record = (struct name_record){.bytes = bytes,
				       .n = sizeof(struct worker_name),
				       .readable_most = LIMIT_NAME_BYTES,
				       .head = {.vaddr = vaddr}};
}

static uint16_t put_bytes(struct name_record *record, const char *text, size_t n)
{
	memcpy(record->bytes + record->n, text, n);
	record->n += n;
	return (uint16_t)n;
}

static uint16_t put_text(struct name_record *record, const char *text)
{
	return put_bytes(record, text, strnlen(text, LIMIT_NAME_BYTES));
}

static uint16_t put_readable(struct name_record *record, const char *text, size_t n)
{
	if (n <= record->readable_most)
		return put_bytes(record, text, n);
	const size_t kept = record->readable_most - 3;
	return (uint16_t)(put_bytes(record, text, kept) + put_bytes(record, "...", 3));
}

void name_record_line(struct name_record *record, const char *symbol,
		      const struct name_record_details *details)
{
	static char readable[LIMIT_NAME_BYTES];
	struct worker_line line = {.line = details->line, .start_line = details->start_line};
	const size_t at = record->n, n = demangle(symbol, readable, sizeof(readable));
	record->n += sizeof(line);
	line.n_name = n ? put_readable(record, readable, n)
			: put_text(record, *symbol ? symbol : details->name);
	line.n_system_name = n ? put_text(record, symbol) : 0;
	line.n_file = put_text(record, details->file);
	line.n_module = put_text(record, details->module);
	memcpy(record->bytes + at, &line, sizeof(line));
	record->head.n_lines++;
}

static void put_frame(struct name_record *record, const struct dwarf_frame *frame,
		      const char *symbol)
{
	static char file[LIMIT_NAME_BYTES];
	struct name_record_details details = {.name = frame->name,
					      .file = file,
					      .module = "",
					      .line = frame->line,
					      .start_line = frame->start_line};
	file[dwarf_file(frame, file, sizeof(file))] = 0;
	if (symbol || *frame->linkage_name || *frame->name)
		name_record_line(record, symbol ? symbol : frame->linkage_name, &details);
}

/* Keeps `reserve`, which is also the most that one line takes, for the function. false: frames were
 * left out. */
static bool put_chain(struct name_record *record, const struct dwarf_frame *frames, uint32_t n,
		      const char *symbol, size_t reserve)
{
	bool whole = true;
	for (uint32_t i = 0; whole && i + 1 < n; i++) {
		const struct name_record before = *record;
		put_frame(record, &frames[i], NULL);
		if (record->n + reserve > ROOM) {
			*record = before;
			whole = false;
		}
	}
	put_frame(record, &frames[n - 1], symbol);
	return whole;
}

void name_record_chain(struct name_record *record, const struct dwarf_frame *frames, uint32_t n,
		       const char *symbol)
{
	const struct name_record empty = *record;
	if (put_chain(record, frames, n, symbol, LINE_MOST))
		return;
	*record = empty;
	record->readable_most = READABLE_SHORT;
	(void)put_chain(record, frames, n, symbol, LINE_SHORT_MOST);
}

size_t name_record_end(struct name_record *record)
{
	const size_t padded = (record->n + 7) & ~(size_t)7;
	memset(record->bytes + record->n, 0, padded - record->n);
	record->head.bytes = (uint32_t)padded;
	memcpy(record->bytes, &record->head, sizeof(record->head));
	return padded;
}
