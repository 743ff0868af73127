/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/go_frames.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cursor.h"
#include "symbolizer/go_table.h"

enum {
	SECTION_MAX = 128 << 20, /* Kubernetes needs 8 MiB */
	DEPTHS_AT = 16,		 /* _func.pcsp: where its run of depths begins */
	BYTES_AT = 16,		 /* of an FDE: how much code it is about */
	LENGTH_BYTES = 4,
	ADDRESS_BYTES = 8, /* the return address, which a depth does not count */
};

/* The CIE: version 3, no augmentation; CFA = rsp + 8, the return address below it. */
static const uint8_t cie[] = {
	14,
	0,
	0,
	0,
	0xff,
	0xff,
	0xff,
	0xff,
	3,
	0,
	1,
	0x78 /* -8 */,
	16,
	DW_CFA_def_cfa,
	7,
	ADDRESS_BYTES,
	DW_CFA_offset | 16,
	1,
};
_Static_assert(sizeof(cie) == LENGTH_BYTES + 14, "its length");

struct writer {
	struct elf_bytes section;
	uint64_t room;
	int code; /* of the first failure, after which nothing is written */
};

static void put(struct writer *w, const void *bytes, uint64_t n)
{
	if (!w->code && w->section.bytes + n > SECTION_MAX)
		w->code = -EFBIG;
	if (!w->code && w->section.bytes + n > w->room) {
		uint64_t room = 2 * (w->section.bytes + n) + 4096;
		uint8_t *data = realloc(w->section.data, room);
		if (data) {
			w->section.data = data;
			w->room = room;
		} else {
			w->code = -ENOMEM;
		}
	}
	if (w->code)
		return;
	memcpy(w->section.data + w->section.bytes, bytes, n);
	w->section.bytes += n;
}

static void put_op(struct writer *w, uint8_t op)
{
	put(w, &op, 1);
}

static void put_u32(struct writer *w, uint32_t number)
{
	put(w, &number, sizeof(number));
}

static void put_uleb128(struct writer *w, uint32_t number)
{
	for (; number > 0x7f; number >>= 7)
		put_op(w, (uint8_t)(number | 0x80));
	put_op(w, (uint8_t)number);
}

/* The run begins at the function with -1, and goes on by pairs of a change of the depth (zigzag)
 * and for how many bytes of code it holds (runtime/symtab.go: step). Each pair that is read writes
 * something, so that the section's limit is one for the time, too. Returns how much of the function
 * is told of: not what fills up behind it, nor what follows a pair that makes no sense. */
static uint64_t put_depths(struct writer *w, struct cursor run, uint64_t bytes)
{
	uint32_t depth = UINT32_MAX;
	uint64_t pc = 0, told = 0;
	while (pc < bytes && !w->code) {
		const uint32_t change = (uint32_t)cursor_uleb128(&run);
		const uint64_t holds = cursor_uleb128(&run);
		depth += (change >> 1) ^ -(change & 1);
		if (run.failed || (!change && pc) || depth > INT32_MAX - ADDRESS_BYTES ||
		    holds > UINT32_MAX)
			return pc;
		if (pc > told) {
			put_op(w, DW_CFA_advance_loc4);
			put_u32(w, (uint32_t)(pc - told));
		}
		put_op(w, DW_CFA_def_cfa_offset);
		put_uleb128(w, depth + ADDRESS_BYTES);
		told = pc;
		pc += holds;
	}
	return pc < bytes ? pc : bytes;
}

static void put_function(struct writer *w, const struct go_table *table,
			 const struct go_function *function)
{
	uint32_t depths;
	uint64_t at, begin = w->section.bytes;
	if (!function->bytes || !go_table_number(table, function->at + DEPTHS_AT, &depths) ||
	    !depths || __builtin_add_overflow(table->counters, depths, &at) ||
	    at > table->bytes.bytes)
		return;
	put_u32(w, 0); /* its length, below */
	put_u32(w, 0); /* the CIE's place */
	put(w, &function->address, sizeof(function->address));
	put(w, &function->bytes, sizeof(function->bytes)); /* or less, below */
	const uint64_t told = put_depths(
		w, cursor_new(table->bytes.data + at, table->bytes.bytes - at), function->bytes);
	uint32_t length = (uint32_t)(w->section.bytes - begin - LENGTH_BYTES);
	if (w->code)
		return;
	memcpy(w->section.data + begin, &length, sizeof(length));
	memcpy(w->section.data + begin + BYTES_AT, &told, sizeof(told));
}

int go_frames_write(const struct elf *elf, struct elf_bytes *section)
{
	guard_go_table struct go_table table = {};
	struct go_function function;
	struct writer w = {0};
	int code = go_table_read(elf, &table);
	if (code)
		return code;
	put(&w, cie, sizeof(cie));
	for (uint64_t i = 0; !w.code && go_table_function(&table, i, &function); i++)
		put_function(&w, &table, &function);
	if (w.code)
		elf_bytes_deinit(&w.section);
	else
		*section = w.section;
	return w.code;
}
