/* SPDX-License-Identifier: Apache-2.0 */
/* Inline chains whose names are longer than a packet. */
#include "symbolizer/name_record.h"

#include <stdio.h>
#include <string.h>

#include "common/limits.h"
#include "symbolizer/dwarf.h"
#include "tests/unit.h"

static uint64_t bytes[NAME_RECORD_BYTES / sizeof(uint64_t) + 1];

/* A template with so many parameters, of 100 bytes each. */
static const char *mangled(uint32_t parameters)
{
	static char text[LIMIT_NAME_BYTES + 64];
	char *at = text + sprintf(text, "_Z1fI");
	for (uint32_t i = 0; i < parameters; i++)
		at += sprintf(at, "100int%097u", i);
	strcpy(at, "Evv");
	return text;
}

/* `n` frames alike inside "outer". Returns the record's bytes. */
static size_t make(uint32_t n, const char *linkage_name)
{
	struct dwarf_frame frames[DWARF_FRAMES_MAX];
	struct name_record record;
	for (uint32_t i = 0; i < n; i++)
		frames[i] = (struct dwarf_frame){
			.name = "f", .linkage_name = linkage_name, .line = i + 1};
	bytes[NAME_RECORD_BYTES / sizeof(uint64_t)] = 0x5a5a5a5a5a5a5a5a;
	name_record_begin(&record, bytes, 0x1000);
	name_record_chain(&record, frames, n, "outer");
	size_t made = name_record_end(&record);
	CU_ASSERT_EQUAL(bytes[NAME_RECORD_BYTES / sizeof(uint64_t)], 0x5a5a5a5a5a5a5a5a);
	return made;
}

/* Checks that the lines are as told, and returns how many; `longest`: of readable names. */
static uint32_t check(size_t made, const char *linkage_name, size_t *longest)
{
	struct worker_name head;
	memcpy(&head, bytes, sizeof(head));
	const char *at = (const char *)bytes + sizeof(head);
	CU_ASSERT_EQUAL(head.bytes, made);
	*longest = 0;
	for (uint32_t i = 0; i < head.n_lines; i++) {
		struct worker_line line;
		memcpy(&line, at, sizeof(line));
		const char *name = at + sizeof(line), *system_name = name + line.n_name;
		bool last = i + 1 == head.n_lines;
		CU_ASSERT_TRUE(last || line.line == i + 1);
		CU_ASSERT_TRUE(!last || (line.n_name == 5 && !memcmp(name, "outer", 5)));
		CU_ASSERT_TRUE(last || (line.n_system_name == strlen(linkage_name) &&
					!memcmp(system_name, linkage_name, line.n_system_name)));
		*longest = line.n_name > *longest ? line.n_name : *longest;
		at = system_name + line.n_system_name + line.n_file + line.n_module;
	}
	CU_ASSERT_TRUE((size_t)(at - (const char *)bytes) <= made);
	return head.n_lines;
}

static void whole_where_it_fits(void)
{
	size_t longest;
	const char *name = mangled(4);
	CU_ASSERT_EQUAL(check(make(40, name), name, &longest), 40);
	CU_ASSERT_TRUE(longest > 400);
}

/* 38 names of 900 bytes, as boost::spirit has them: those for people are cut. */
static void names_for_people_are_cut(void)
{
	size_t longest;
	const char *name = mangled(9);
	CU_ASSERT_TRUE(strlen(name) > 900);
	CU_ASSERT_EQUAL(check(make(38, name), name, &longest), 38);
	CU_ASSERT_EQUAL(longest, 256);
}

/* The innermost frames and the function itself. */
static void the_rest_is_left_out(void)
{
	size_t longest;
	const char *name = mangled(9);
	uint32_t n = check(make(DWARF_FRAMES_MAX, name), name, &longest);
	CU_ASSERT_TRUE(n > 40 && n < 50);
}

SUITE(name_record, {"whole where it fits", whole_where_it_fits},
      {"names for people are cut", names_for_people_are_cut},
      {"the rest is left out", the_rest_is_left_out});
