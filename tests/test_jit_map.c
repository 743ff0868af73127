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
	CU_ASSERT_STRING_EQUAL(err.msg, "cannot read what it wrote of its code");
}

static size_t put(uint8_t *out, size_t at, const void *bytes, size_t n)
{
	memcpy(out + at, bytes, n);
	return at + n;
}

/* A record of loaded code. */
static size_t put_load(uint8_t *out, size_t at, uint64_t start, uint64_t bytes, const char *name)
{
	uint32_t name_bytes = (uint32_t)strlen(name) + 1;
	const uint32_t head[] = {0, 56 + name_bytes, 1, 0, 7, 7};
	const uint64_t body[] = {start, start, bytes, 1};
	at = put(out, at, head, sizeof(head));
	at = put(out, at, body, sizeof(body));
	return put(out, at, name, name_bytes);
}

static void reads_dumps(void)
{
	const uint32_t header[] = {0x4a695444, 1, 40, 62, 0, 7, 0, 0, 0, 0},
		       other[] = {2, 20, 0, 0, 9};
	uint8_t bytes[512];
	size_t n = put(bytes, 0, header, sizeof(header));
	n = put_load(bytes, n, 0x1000, 0x100, "old");
	n = put(bytes, n, other, sizeof(other));
	n = put_load(bytes, n, 0x1080, 0x10, "new");
	n = put_load(bytes, n, 0x2000, 0x10, "");
	size_t whole = n;
	n = put_load(bytes, n, 0x3000, 0x10, "cut");
	guard_jit_map struct jit_map *map = NULL;
	CU_ASSERT_EQUAL(parse((char *)bytes, n - 1, &map), 0);
	CU_ASSERT_EQUAL(jit_map_n(map), 2);
	is(map, 0x1000, "old");
	is(map, 0x108f, "new");
	is(map, 0x1090, "old");
	is(map, 0x2000, "");
	is(map, 0x3000, "");
	for (size_t cut = 0; cut < whole; cut++) {
		guard_jit_map struct jit_map *part = NULL;
		CU_ASSERT_EQUAL(parse((char *)bytes, cut, &part), 0);
	}
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
      {"passes over other lines", passes_over_other_lines}, {"reads dumps", reads_dumps},
      {"any bytes", any_bytes}, {"too large", too_large});
