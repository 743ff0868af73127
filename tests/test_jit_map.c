/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/jit_map.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "tests/image.h"
#include "tests/unit.h"

static int parse(const char *text, size_t bytes, struct jit_map **map)
{
	guard_fd int fd = image_file(text, bytes);
	return jit_map_new(fd, map, NULL);
}

static void is(const struct jit_map *map, uint64_t address, const char *name)
{
	const char *found = jit_map_find(map, address);
	CU_ASSERT_STRING_EQUAL(found ? found : "", name);
}

static void names_code(void)
{
	static const char text[] = "7f0000001000 20 JS:~add /tmp/a b.js:1:2\n"
				   "0x7F0000001020 10 Stub\n"
				   "ffffffffffffff00 ffffffffffffffff top\n";
	guard_jit_map struct jit_map *map = NULL;
	CU_ASSERT_EQUAL(parse(text, sizeof(text) - 1, &map), 0);
	CU_ASSERT_EQUAL(jit_map_n(map), 3);
	CU_ASSERT_FALSE(jit_map_is_cut(map));
	is(map, 0x7f0000000fff, "");
	is(map, 0x7f0000001000, "JS:~add /tmp/a b.js:1:2");
	is(map, 0x7f000000101f, "JS:~add /tmp/a b.js:1:2");
	is(map, 0x7f000000102f, "Stub");
	is(map, 0x7f0000001030, "");
	is(map, 0xfffffffffffffffe, "top");
}

static void what_comes_later_wins(void)
{
	static const char text[] = "1000 100 whole\n1010 10 inner\n1000 100 again\n1080 200 tail\n"
				   "1008 8 small\n";
	guard_jit_map struct jit_map *map = NULL;
	CU_ASSERT_EQUAL(parse(text, sizeof(text) - 1, &map), 0);
	is(map, 0x1000, "again");
	is(map, 0x1008, "small");
	is(map, 0x1010, "again");
	is(map, 0x107f, "again");
	is(map, 0x1080, "tail");
	is(map, 0x127f, "tail");
}

static void passes_over_other_lines(void)
{
	static const char text[] =
		"\n\n \n-1 10 sign\n 1000 10 blank\n1000\n1000 \n1000 10\n1000 10 \n"
		"1000 0 empty\n1000 10\tname\nx y z\n"
		"1000 \n10 split\n2000 10 good\n3000 10 cut";
	guard_jit_map struct jit_map *map = NULL, *none = NULL;
	struct err err = {};
	CU_ASSERT_EQUAL(parse(text, sizeof(text) - 1, &map), 0);
	CU_ASSERT_EQUAL(jit_map_n(map), 1);
	is(map, 0x2000, "good");
	is(map, 0x1000, "");
	is(map, 0x3000, "");
	CU_ASSERT_EQUAL(parse("", 0, &none), 0);
	CU_ASSERT_EQUAL(jit_map_n(none), 0);
	is(none, 0, "");
	CU_ASSERT_EQUAL(jit_map_new(-1, &none, &err), -EIO);
	CU_ASSERT_STRING_EQUAL(err.msg, "cannot read the perf map");
}

/* Bytes of any kind end no name but for NUL and newline. */
static void any_bytes(void)
{
	char text[256 + 16] = "10 10 ";
	size_t n = strlen(text);
	for (int byte = 1; byte < 256; byte++)
		if (byte != '\n')
			text[n++] = (char)byte;
	text[n++] = '\n';
	guard_jit_map struct jit_map *map = NULL;
	CU_ASSERT_EQUAL(parse(text, n, &map), 0);
	CU_ASSERT_EQUAL(strlen(jit_map_find(map, 0x10)), 254);
}

/* A file beyond the limit, mostly a hole: what comes first is kept, the rest is not read. */
static void too_large(void)
{
	static const char first[] = "1000 10 first\n", last[] = "\n2000 10 last\n";
	guard_fd int fd = image_file(first, sizeof(first) - 1);
	CU_ASSERT_EQUAL(pwrite(fd, last, sizeof(last) - 1, JIT_MAP_BYTES_MAX + 100),
			sizeof(last) - 1);
	guard_jit_map struct jit_map *map = NULL;
	CU_ASSERT_EQUAL(jit_map_new(fd, &map, NULL), 0);
	CU_ASSERT_TRUE(jit_map_is_cut(map));
	is(map, 0x1000, "first");
	is(map, 0x2000, "");
}

SUITE(jit_map, {"names code", names_code}, {"what comes later wins", what_comes_later_wins},
      {"passes over other lines", passes_over_other_lines}, {"any bytes", any_bytes},
      {"too large", too_large});
