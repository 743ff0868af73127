/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/go_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "symbolizer/elf.h"
#include "tests/go_program.h"
#include "tests/image.h"
#include "tests/unit.h"

/* A program with this table, which is freed, and its lines. */
struct program {
	struct elf *elf;
	struct go_lines *lines;
	int code;
};
static struct program open_program(struct bytes table, bool is_1_20)
{
	struct program p = {0};
	size_t n;
	uint8_t *image = go_program_image(&table, is_1_20, &n);
	free(table.at);
	CU_ASSERT_EQUAL(elf_open_memory(image, n, &p.elf, NULL), 0);
	p.code = go_lines_new(p.elf, &p.lines);
	return p;
}
static void close_program(struct program *p)
{
	go_lines_free(p->lines);
	elf_close(p->elf);
}

static void is_frame(const struct dwarf_frame *frame, const char *name, const char *path,
		     uint32_t line, uint32_t start_line)
{
	char file[64];
	CU_ASSERT_STRING_EQUAL(frame->name, name);
	CU_ASSERT_STRING_EQUAL(frame->linkage_name, "");
	file[dwarf_file(frame, file, sizeof(file))] = 0;
	CU_ASSERT_STRING_EQUAL(file, path);
	CU_ASSERT_EQUAL(frame->line, line);
	CU_ASSERT_EQUAL(frame->start_line, start_line);
}

static void tells_lines_of(bool is_1_20)
{
	struct dwarf_frame frames[DWARF_FRAMES_MAX];
	struct program p = open_program(go_program_table(is_1_20), is_1_20);
	const uint32_t outer = is_1_20 ? 9 : 0, inner = is_1_20 ? 4 : 0, other = is_1_20 ? 29 : 0;
	CU_ASSERT_EQUAL(p.code, 0);
	CU_ASSERT_EQUAL(go_lines_find(p.lines, IMAGE_TEXT, frames), 1);
	is_frame(&frames[0], "main.outer", "a.go", 10, outer);
	CU_ASSERT_EQUAL(go_lines_find(p.lines, IMAGE_TEXT + 0x0f, frames), 1);
	is_frame(&frames[0], "main.outer", "a.go", 11, outer);
	CU_ASSERT_EQUAL(go_lines_find(p.lines, IMAGE_TEXT + 0x10, frames), 2);
	is_frame(&frames[0], "main.inner", "b.go", 5, inner);
	is_frame(&frames[1], "main.outer", "a.go", 11, outer);
	CU_ASSERT_EQUAL(go_lines_find(p.lines, IMAGE_TEXT + 0x1f, frames), 1);
	is_frame(&frames[0], "main.outer", "a.go", 12, outer);
	CU_ASSERT_EQUAL(go_lines_find(p.lines, IMAGE_TEXT + 0x20, frames), 1);
	is_frame(&frames[0], "main.other", "b.go", 30, other);
	CU_ASSERT_EQUAL(go_lines_find(p.lines, IMAGE_TEXT + 0x30, frames), 0);
	CU_ASSERT_EQUAL(go_lines_find(p.lines, IMAGE_TEXT - 1, frames), 0);
	CU_ASSERT_TRUE(go_lines_held_bytes(p.lines) < 4096);
	close_program(&p);
}

static void tells_lines(void)
{
	tells_lines_of(true);
	tells_lines_of(false);
}

static void others_have_none(void)
{
	struct bytes table = go_program_table(true);
	table.at[0] = 0xfa; /* Go 1.16 */
	struct program p = open_program(table, true);
	CU_ASSERT_EQUAL(p.code, -ENODATA);
	close_program(&p);
}

/* A call that is inlined in itself: as many frames as there is room for. */
static void circles_end(void)
{
	struct dwarf_frame frames[DWARF_FRAMES_MAX];
	struct bytes table = go_program_table(true);
	/* The run of calls, 0x10 of none, now says call 0 from the start. */
	static const uint8_t calls[] = {0, 0x10, 2, 8, 1, 8, 0};
	uint8_t *at = memmem(table.at, table.n, calls, sizeof(calls));
	CU_ASSERT_PTR_NOT_NULL(at);
	if (at)
		at[0] = 2;
	struct program p = open_program(table, true);
	CU_ASSERT_EQUAL(go_lines_find(p.lines, IMAGE_TEXT, frames), DWARF_FRAMES_MAX);
	is_frame(&frames[DWARF_FRAMES_MAX - 1], "main.outer", "a.go", 11, 9);
	close_program(&p);
}

/* Runs that go on and on: lines are lost, the function's name is not, and the work ends. */
static void runs_without_end(void)
{
	enum {
		PAIRS = 8 << 20
	};
	static const uint8_t outer[] = {1, 0, 0, 0, 8, 0, 0, 0, 3, 0, 0, 0};
	struct dwarf_frame frames[DWARF_FRAMES_MAX];
	struct bytes table = go_program_table(true);
	const uint32_t run = (uint32_t)table.n - GO_PROGRAM_COUNTERS;
	uint8_t *record = memmem(table.at, table.n, outer, sizeof(outer));
	CU_ASSERT_PTR_NOT_NULL_FATAL(record);
	memcpy(record, &run, 4);
	for (uint32_t i = 0; i < PAIRS; i++)
		bytes_number(&table, 2, 2); /* another value, for no code at all */
	struct program p = open_program(table, true);
	for (int i = 0; i < 16; i++)
		CU_ASSERT_EQUAL(go_lines_find(p.lines, IMAGE_TEXT, frames), 1);
	is_frame(&frames[0], "main.outer", "", 0, 9);
	CU_ASSERT_EQUAL(go_lines_held_bytes(p.lines), UINT64_MAX);
	close_program(&p);
}

/* Every byte changed in turn, and cut at every one: the sanitizers judge. */
static void broken_tables(void)
{
	struct dwarf_frame frames[DWARF_FRAMES_MAX];
	struct bytes good = go_program_table(true);
	for (size_t i = 0; i < 2 * good.n; i++) {
		struct bytes table = {0};
		bytes_raw(&table, good.at, i < good.n ? good.n : i - good.n + 1);
		if (i < good.n)
			table.at[i] ^= 0xff;
		struct program p = open_program(table, true);
		for (uint64_t at = 0; at < 0x30 && !p.code; at += 8)
			CU_ASSERT_TRUE(go_lines_find(p.lines, IMAGE_TEXT + at, frames) <=
				       DWARF_FRAMES_MAX);
		close_program(&p);
	}
	free(good.at);
}

SUITE(go_lines, {"tells lines", tells_lines}, {"others have none", others_have_none},
      {"circles end", circles_end}, {"runs without end", runs_without_end},
      {"broken tables", broken_tables});
