/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/go_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cursor.h"
#include "symbolizer/go_table.h"

enum {
	WORK_MAX = 64 << 20, /* values looked at: 0.3 s. A large function has 20,000. */
	DATA_MAX = 64 << 20, /* a program's data that is searched */
	INLINE_TREE = 3,     /* FUNCDATA_InlTree */
	INLINE_INDEX = 2,    /* PCDATA_InlTreeIndex */
	/* Offsets in moduledata: */
	MODULE_TEXT = 176,
	MODULE_GOFUNC = 304,
	MODULE_GOFUNC_1_20 = 320,
	MODULE_BYTES = 328,
};

struct go_lines {
	const struct elf *elf;
	struct go_table table;
	uint64_t trees; /* address from which inline trees count ("go:func.*"); 0: not known */
	uint64_t work;
};

/* What the table says of one function (_func). */
struct function {
	uint64_t address;
	uint32_t files, lines, unit; /* runs of values; where the unit's files begin */
	uint32_t n_runs;
	uint32_t start_line; /* 0: not told */
	uint32_t n_data;     /* offsets from `trees`, behind the runs */
	uint64_t runs_at;    /* offset in the table of offsets of more runs */
};

/* The module's data begins with the table's address, and has that of .text further on. */
static uint64_t trees_in(const struct go_table *table, const struct elf_bytes *data)
{
	const uint64_t gofunc = table->is_1_20 ? MODULE_GOFUNC_1_20 : MODULE_GOFUNC;
	for (uint64_t at = 0; at + MODULE_BYTES <= data->bytes; at += 8) {
		uint64_t first, text, trees;
		memcpy(&first, data->data + at, 8);
		if (first != table->address)
			continue;
		memcpy(&text, data->data + at + MODULE_TEXT, 8);
		memcpy(&trees, data->data + at + gofunc, 8);
		if (text == table->text)
			return trees;
	}
	return 0;
}

static uint64_t find_trees(const struct elf *elf, const struct go_table *table)
{
	static const char *const names[] = {".noptrdata", ".data", ".go.module"};
	uint64_t trees = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names) && !trees; i++) {
		const Elf64_Shdr *section = elf_section(elf, names[i]);
		guard_elf_bytes struct elf_bytes data = {};
		if (section && !elf_read_section(elf, section, DATA_MAX, &data))
			trees = trees_in(table, &data);
	}
	return trees;
}

int go_lines_new(const struct elf *elf, struct go_lines **out)
{
	guard_go_lines struct go_lines *lines = calloc(1, sizeof(*lines));
	if (!lines)
		return -ENOMEM;
	lines->elf = elf;
	int code = go_table_read(elf, &lines->table);
	if (code)
		return code;
	lines->trees = find_trees(elf, &lines->table);
	*out = steal_ptr(lines);
	return 0;
}

void go_lines_free(struct go_lines *lines)
{
	if (!lines)
		return;
	go_table_deinit(&lines->table);
	free(lines);
}

uint64_t go_lines_held_bytes(const struct go_lines *lines)
{
	return lines->work > WORK_MAX / 2 ? UINT64_MAX : lines->table.bytes.bytes;
}

/* The function of the index that reaches to the address. */
static bool find_function(const struct go_table *table, uint64_t address, struct go_function *found)
{
	uint64_t low = 0, high = table->n_functions;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (!go_table_function(table, middle, found) || found->address > address)
			high = middle;
		else
			low = middle + 1;
	}
	return low && go_table_function(table, low - 1, found) && address >= found->address &&
	       address - found->address < found->bytes;
}

static bool read_function(const struct go_table *table, const struct go_function *known,
			  struct function *function)
{
	const struct elf_bytes *bytes = &table->bytes;
	if (known->at > bytes->bytes)
		return false;
	struct cursor c = cursor_new(bytes->data + known->at, bytes->bytes - known->at);
	cursor_skip(&c, 5 * 4ul); /* address, name, arguments, deferred calls, stack */
	*function = (struct function){.address = known->address};
	function->files = cursor_u32(&c);
	function->lines = cursor_u32(&c);
	function->n_runs = cursor_u32(&c);
	function->unit = cursor_u32(&c);
	function->start_line = table->is_1_20 ? cursor_u32(&c) : 0;
	cursor_skip(&c, 3); /* which function of the runtime, flags */
	function->n_data = cursor_u8(&c);
	function->runs_at = (uint64_t)(c.at - bytes->data);
	return !c.failed;
}

/* The value that holds at an address: the run begins at the function with -1, and goes on by pairs
 * of a change of the value and for how many bytes of code it holds. -1: none. */
static int32_t value_at(struct go_lines *lines, const struct function *function, uint32_t run,
			uint64_t address)
{
	const struct go_table *table = &lines->table;
	uint64_t start, pc = function->address;
	uint32_t value = UINT32_MAX;
	if (!run || __builtin_add_overflow(table->counters, run, &start) ||
	    start > table->bytes.bytes)
		return -1;
	struct cursor c = cursor_new(table->bytes.data + start, table->bytes.bytes - start);
	for (bool first = true; lines->work < WORK_MAX; first = false) {
		const uint32_t change = (uint32_t)cursor_uleb128(&c);
		if (c.failed || (!change && !first))
			return -1;
		value += (change >> 1) ^ -(change & 1); /* zigzag */
		pc += cursor_uleb128(&c);
		lines->work++;
		if (!c.failed && address < pc)
			return (int32_t)value;
	}
	return -1;
}

static const char *file_of(const struct go_table *table, const struct function *function,
			   int32_t number)
{
	uint32_t offset;
	uint64_t at = ((uint64_t)function->unit + (uint32_t)number) * 4;
	if (number < 0 || __builtin_add_overflow(at, table->units, &at) ||
	    !go_table_number(table, at, &offset) || offset == UINT32_MAX)
		return "";
	return go_table_text(table, table->files, offset);
}

static void tell_line(struct go_lines *lines, const struct function *function, uint64_t address,
		      struct dwarf_frame *frame)
{
	const int32_t line = value_at(lines, function, function->lines, address);
	const int32_t file = value_at(lines, function, function->files, address);
	*frame = (struct dwarf_frame){.name = "", .linkage_name = ""};
	frame->path = file_of(&lines->table, function, file);
	frame->line = line > 0 && *frame->path ? (uint32_t)line : 0;
}

/* Which call was inlined at an address; false: none. */
static bool inlined_at(struct go_lines *lines, const struct function *function, uint64_t address,
		       uint32_t *call)
{
	uint32_t run;
	if (function->n_runs <= INLINE_INDEX || function->n_data <= INLINE_TREE || !lines->trees ||
	    !go_table_number(&lines->table, function->runs_at + INLINE_INDEX * 4ul, &run))
		return false;
	const int32_t index = value_at(lines, function, run, address);
	*call = (uint32_t)index;
	return index >= 0;
}

/* Names the function that was inlined (inlinedCall); *caller: where, in the function it is in. */
static bool read_call(struct go_lines *lines, const struct function *function, uint32_t call,
		      struct dwarf_frame *frame, uint64_t *caller)
{
	const struct go_table *table = &lines->table;
	const uint64_t bytes = table->is_1_20 ? 16 : 20;
	uint64_t at = function->runs_at + ((uint64_t)function->n_runs + INLINE_TREE) * 4;
	uint32_t tree;
	guard_elf_bytes struct elf_bytes read = {};
	if (!go_table_number(table, at, &tree) || tree == UINT32_MAX ||
	    __builtin_add_overflow(lines->trees, tree + call * bytes, &at) ||
	    elf_read_address(lines->elf, at, bytes, bytes, &read))
		return false;
	struct cursor c = cursor_new(read.data, bytes);
	cursor_skip(&c, table->is_1_20 ? 4 : 12);
	frame->name = go_table_text(table, table->names, cursor_u32(&c));
	*caller = function->address + cursor_u32(&c);
	frame->start_line = table->is_1_20 ? cursor_u32(&c) : 0;
	return *frame->name;
}

uint32_t go_lines_find(struct go_lines *lines, uint64_t address,
		       struct dwarf_frame frames[DWARF_FRAMES_MAX])
{
	struct go_function known;
	struct function function;
	uint32_t n = 0, call;
	if (!find_function(&lines->table, address, &known) ||
	    !read_function(&lines->table, &known, &function))
		return 0;
	tell_line(lines, &function, address, &frames[n]);
	while (n + 1 < DWARF_FRAMES_MAX && inlined_at(lines, &function, address, &call) &&
	       read_call(lines, &function, call, &frames[n], &address))
		tell_line(lines, &function, address, &frames[++n]);
	frames[n].name = known.name;
	frames[n].start_line = function.start_line;
	return n + 1;
}
