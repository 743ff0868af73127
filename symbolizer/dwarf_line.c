/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/dwarf_line.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>

#include "common/guard.h"
#include "symbolizer/sort.h"

enum {
	ROWS_MAX = 8 << 20, /* of one unit; LTO of a browser makes 3 million */
	FILES_MAX = 1 << 20,
	FORMATS_MAX = 16,
};

struct row {
	uint64_t address;
	uint32_t file, line;
};
/* Rows of ascending addresses; the last one only tells the end. */
struct sequence {
	uint64_t start, end;
	uint32_t first, n;
};
struct file {
	const char *name;
	uint64_t directory;
};

struct dwarf_lines {
	struct row *rows;
	struct sequence *sequences; /* by start */
	uint32_t n_rows, room_rows, n_sequences, room_sequences;
	struct file *files;
	const char **directories;
	uint32_t n_files, room_files, n_directories, room_directories;
	bool from_1; /* before DWARF 5, files and directories count from 1 */
};

/* A program's header, and then the machine (DWARF 5 §6.2.2). */
struct program {
	struct dwarf *dwarf;
	struct dwarf_lines *lines;
	struct dwarf_format format;
	struct cursor code;
	uint8_t instruction_bytes, line_range, opcode_base;
	int8_t line_base;
	bool is_statement; /* passed over: rows of all instructions count */
	uint8_t operands[256];
	struct row row;
	uint32_t first; /* row of this sequence */
};

void dwarf_line_free(struct dwarf_lines *lines)
{
	if (!lines)
		return;
	free(lines->rows);
	free(lines->sequences);
	free(lines->files);
	free(lines->directories);
	free(lines);
}
GUARD_DEFINE(lines, struct dwarf_lines *, dwarf_line_free)

static int reserve(void *array, uint32_t n, uint32_t *room, uint32_t most, size_t size)
{
	if (n < *room)
		return 0;
	uint32_t more = *room ? 2 * *room : 64;
	void *grown = n >= most ? NULL : realloc(*(void **)array, more * size);
	if (!grown)
		return -ENOMEM;
	*(void **)array = grown;
	*room = more;
	return 0;
}

static int add_file(struct dwarf_lines *lines, const char *name, uint64_t directory)
{
	int code = reserve(&lines->files, lines->n_files, &lines->room_files, FILES_MAX,
			   sizeof(*lines->files));
	if (!code)
		lines->files[lines->n_files++] = (struct file){name, directory};
	return code;
}

static int add_directory(struct dwarf_lines *lines, const char *name)
{
	int code = reserve(&lines->directories, lines->n_directories, &lines->room_directories,
			   FILES_MAX, sizeof(*lines->directories));
	if (!code)
		lines->directories[lines->n_directories++] = name;
	return code;
}

/* DWARF 2–4: directories up to an empty name, then files likewise. */
static int old_files(struct program *p, struct cursor *c)
{
	int code = 0;
	p->lines->from_1 = true;
	while (!code && !c->failed) {
		const char *name = dwarf_form_string(c);
		if (!*name)
			break;
		code = add_directory(p->lines, name);
	}
	while (!code && !c->failed) {
		const char *name = dwarf_form_string(c);
		if (!*name)
			break;
		uint64_t directory = cursor_uleb128(c);
		cursor_uleb128(c);
		cursor_uleb128(c);
		code = add_file(p->lines, name, directory);
	}
	return c->failed ? -ENOEXEC : code;
}

/* DWARF 5: a table tells how its entries are written. */
static int new_table(struct program *p, const struct dwarf_unit *unit, struct cursor *c, bool files)
{
	uint64_t content[FORMATS_MAX], form[FORMATS_MAX];
	uint8_t n_formats = cursor_u8(c);
	if (n_formats > FORMATS_MAX)
		return -ENOEXEC;
	for (uint8_t i = 0; i < n_formats; i++) {
		content[i] = cursor_uleb128(c);
		form[i] = cursor_uleb128(c);
	}
	uint64_t n = cursor_uleb128(c);
	/* An entry without bytes would be for free. */
	if (n > cursor_left(c) || (n && !n_formats))
		return -ENOEXEC;
	for (uint64_t i = 0; i < n; i++) {
		const char *name = "";
		uint64_t directory = 0;
		for (uint8_t k = 0; k < n_formats; k++) {
			struct dwarf_value value =
				dwarf_form_read(p->dwarf->sections, &p->format, c, form[k], 0);
			dwarf_unit_resolve(p->dwarf, unit, &value);
			if (content[k] == DW_LNCT_path && value.kind == DWARF_TEXT)
				name = value.text;
			else if (content[k] == DW_LNCT_directory_index)
				directory = value.number;
		}
		if (c->failed || dwarf_unit_worked(p->dwarf, 1 + n_formats))
			return -ENOEXEC;
		int code =
			files ? add_file(p->lines, name, directory) : add_directory(p->lines, name);
		if (code)
			return code;
	}
	return c->failed ? -ENOEXEC : 0;
}

static int read_header(struct program *p, const struct dwarf_unit *unit, struct cursor c)
{
	uint64_t length = cursor_u32(&c);
	p->format.offset_bytes = length == UINT32_MAX ? 8 : 4;
	if (length == UINT32_MAX)
		length = cursor_u64(&c);
	struct cursor body = cursor_part(&c, length);
	p->format.version = cursor_u16(&body);
	if (p->format.version < 2 || p->format.version > 5)
		return -ENOEXEC;
	if (p->format.version >= 5 && (cursor_u8(&body) != 8 || cursor_u8(&body) != 0))
		return -ENOEXEC;
	uint64_t header = dwarf_form_offset(&body, &p->format);
	struct cursor head = cursor_part(&body, header);
	p->code = body;
	p->instruction_bytes = cursor_u8(&head);
	if (p->format.version >= 4)
		cursor_u8(&head); /* operations of a VLIW instruction */
	p->is_statement = cursor_u8(&head);
	p->line_base = (int8_t)cursor_u8(&head);
	p->line_range = cursor_u8(&head);
	p->opcode_base = cursor_u8(&head);
	for (unsigned i = 1; i < p->opcode_base; i++)
		p->operands[i] = cursor_u8(&head);
	if (head.failed || !p->line_range || !p->opcode_base)
		return -ENOEXEC;
	if (p->format.version < 5)
		return old_files(p, &head);
	int code = new_table(p, unit, &head, false);
	return code ? code : new_table(p, unit, &head, true);
}

static int add_row(struct program *p)
{
	struct dwarf_lines *lines = p->lines;
	int code = reserve(&lines->rows, lines->n_rows, &lines->room_rows, ROWS_MAX,
			   sizeof(*lines->rows));
	if (!code)
		lines->rows[lines->n_rows++] = p->row;
	return code;
}

/* Ends a sequence. Those at 0 are of code that the linker dropped; those whose addresses fall are
 * broken. */
static int end_sequence(struct program *p)
{
	struct dwarf_lines *lines = p->lines;
	int code = add_row(p);
	if (code)
		return code;
	struct sequence s = {lines->rows[p->first].address, p->row.address, p->first,
			     lines->n_rows - p->first};
	bool broken = !s.start || s.start >= s.end;
	for (uint32_t i = 1; i < s.n && !broken; i++)
		broken = lines->rows[s.first + i].address < lines->rows[s.first + i - 1].address;
	if (broken)
		lines->n_rows = p->first;
	else
		code = reserve(&lines->sequences, lines->n_sequences, &lines->room_sequences,
			       ROWS_MAX, sizeof(s));
	if (!broken && !code)
		lines->sequences[lines->n_sequences++] = s;
	p->first = lines->n_rows;
	p->row = (struct row){.file = 1, .line = 1};
	return code;
}

static int run_extended(struct program *p)
{
	struct cursor c = cursor_part(&p->code, cursor_uleb128(&p->code));
	switch (cursor_u8(&c)) {
	case DW_LNE_end_sequence:
		return end_sequence(p);
	case DW_LNE_set_address:
		p->row.address = cursor_u64(&c);
		return c.failed ? -ENOEXEC : 0;
	default: /* discriminators and what vendors add */
		return 0;
	}
}

static int run_standard(struct program *p, uint8_t opcode)
{
	struct cursor *c = &p->code;
	switch (opcode) {
	case DW_LNS_copy:
		return add_row(p);
	case DW_LNS_advance_pc:
		p->row.address += cursor_uleb128(c) * p->instruction_bytes;
		return 0;
	case DW_LNS_advance_line:
		p->row.line += (uint32_t)cursor_sleb128(c);
		return 0;
	case DW_LNS_set_file:
		p->row.file = (uint32_t)cursor_uleb128(c);
		return 0;
	case DW_LNS_const_add_pc:
		p->row.address +=
			(uint64_t)((255 - p->opcode_base) / p->line_range) * p->instruction_bytes;
		return 0;
	case DW_LNS_fixed_advance_pc:
		p->row.address += cursor_u16(c);
		return 0;
	default:
		for (uint8_t i = 0; i < p->operands[opcode]; i++)
			cursor_uleb128(c);
		return 0;
	}
}

static int run(struct program *p)
{
	int code = 0;
	p->row = (struct row){.file = 1, .line = 1};
	while (!code && cursor_left(&p->code)) {
		uint8_t opcode = cursor_u8(&p->code);
		if (dwarf_unit_worked(p->dwarf, 4))
			return -ENOEXEC;
		if (opcode >= p->opcode_base) {
			uint8_t step = (uint8_t)(opcode - p->opcode_base);
			p->row.address += (uint64_t)(step / p->line_range) * p->instruction_bytes;
			p->row.line += (uint32_t)(p->line_base + step % p->line_range);
			code = add_row(p);
		} else if (opcode) {
			code = run_standard(p, opcode);
		} else {
			code = run_extended(p);
		}
	}
	/* What a broken end leaves behind whole sequences does not take them away. */
	p->lines->n_rows = p->first;
	return code == -ENOEXEC ? 0 : code;
}

static int compare_sequences(const void *a, const void *b)
{
	const struct sequence *x = a, *y = b;
	return (x->start > y->start) - (x->start < y->start);
}

int dwarf_line_read(struct dwarf *dwarf, const struct dwarf_unit *unit, struct dwarf_lines **out)
{
	const struct elf_bytes *section = &dwarf->sections[DWARF_LINE];
	if (unit->lines_at >= section->bytes)
		return -ENOEXEC;
	struct dwarf_lines *lines guard(guard_lines) = calloc(1, sizeof(*lines));
	if (!lines)
		return -ENOMEM;
	struct program p = {.dwarf = dwarf, .lines = lines};
	int code = read_header(
		&p, unit,
		cursor_new(section->data + unit->lines_at, section->bytes - unit->lines_at));
	if (!code)
		code = run(&p);
	if (!code)
		code = sort_records(lines->sequences, lines->n_sequences, sizeof(struct sequence),
				    compare_sequences);
	if (code)
		return code;
	*out = steal_ptr(lines);
	return 0;
}

/* The last of a sequence's rows at or below the address. */
static const struct row *find_row(const struct row *rows, uint32_t n, uint64_t address)
{
	uint32_t low = 0, high = n;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (rows[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &rows[low - 1] : NULL;
}

bool dwarf_line_find(const struct dwarf_lines *lines, uint64_t address, uint32_t *file,
		     uint32_t *line)
{
	uint32_t low = 0, high = lines->n_sequences;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (lines->sequences[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || address >= lines->sequences[low - 1].end)
		return false;
	const struct sequence *s = &lines->sequences[low - 1];
	const struct row *row = find_row(lines->rows + s->first, s->n - 1, address);
	if (!row)
		return false;
	*file = row->file;
	*line = row->line;
	return true;
}

void dwarf_line_file(const struct dwarf_lines *lines, uint32_t number, const char **directory,
		     const char **name)
{
	*directory = *name = "";
	if (number < lines->from_1 || number - lines->from_1 >= lines->n_files)
		return;
	const struct file *file = &lines->files[number - lines->from_1];
	*name = file->name;
	/* Before DWARF 5, directory 0 is the unit's own. */
	if (file->directory >= lines->from_1 &&
	    file->directory - lines->from_1 < lines->n_directories)
		*directory = lines->directories[file->directory - lines->from_1];
}
