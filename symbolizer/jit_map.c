/* SPDX-License-Identifier: Apache-2.0 */
/* The file stays in memory and its names are pointed to, so that a map of 100,000 functions costs
 * one allocation and a sort. */
#include "symbolizer/jit_map.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cursor.h"
#include "common/err.h"
#include "symbolizer/sort.h"
#include "symbolizer/spans.h"

enum {
	READ_BYTES = 1 << 20,
	DUMP_LOAD = 0,
	RECORD_HEAD = 16,
};
#define DUMP_MAGIC 0x4a695444u

struct jit_map {
	char *text; /* with a NUL behind it */
	size_t bytes, room;
	struct span *entries; /* `value`: which entry it is, in the order of the file */
	uint32_t *names;      /* of entries: offsets in text */
	uint32_t n, n_room;
	bool cut;
	struct spans spans;
};

static int read_text(struct jit_map *map, int fd)
{
	for (;;) {
		if (map->room - map->bytes < READ_BYTES + 1) {
			size_t room = 2 * map->room + 2 * READ_BYTES;
			char *grown = realloc(map->text, room);
			if (!grown)
				return -ENOMEM;
			map->text = grown;
			map->room = room;
		}
		ssize_t n = pread(fd, map->text + map->bytes, READ_BYTES, (off_t)map->bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -EIO;
		map->bytes += (size_t)n;
		map->text[map->bytes] = 0;
		map->cut = n && map->bytes >= JIT_MAP_BYTES_MAX;
		if (n == 0 || map->cut)
			return 0;
	}
}

static int add(struct jit_map *map, uint64_t start, uint64_t bytes, size_t name)
{
	if (map->n == JIT_MAP_ENTRIES_MAX) {
		map->cut = true;
		return 0;
	}
	if (map->n == map->n_room) {
		uint32_t room = 2 * map->n_room + 1024;
		void *entries = realloc(map->entries, room * sizeof(*map->entries));
		if (!entries)
			return -ENOMEM;
		map->entries = entries;
		void *names = realloc(map->names, room * sizeof(*map->names));
		if (!names)
			return -ENOMEM;
		map->names = names;
		map->n_room = room;
	}
	map->entries[map->n] =
		(struct span){start, bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes, map->n};
	map->names[map->n++] = (uint32_t)name;
	return 0;
}

/* Reads a hexadecimal number and the blank behind it. */
static bool take_number(char **at, uint64_t *number)
{
	char *end;
	if (!strchr("0123456789abcdefABCDEF", **at) || !**at)
		return false; /* no blank, no sign, no end of the line */
	*number = strtoull(*at, &end, 16);
	if (*end != ' ')
		return false;
	*at = end + 1;
	return true;
}

static int read_lines(struct jit_map *map)
{
	char *line = map->text, *newline;
	int code = 0;
	while (!code && (newline = memchr(line, '\n', map->bytes - (size_t)(line - map->text)))) {
		uint64_t start, bytes;
		char *at = line;
		*newline = 0;
		if (take_number(&at, &start) && take_number(&at, &bytes) && bytes && *at)
			code = add(map, start, bytes, (size_t)(at - map->text));
		line = newline + 1;
	}
	return code;
}

static bool is_dump(const struct jit_map *map)
{
	uint32_t magic = 0;
	if (map->bytes >= sizeof(magic))
		memcpy(&magic, map->text, sizeof(magic));
	return magic == DUMP_MAGIC;
}

/* A record of loaded code: whose, where, its name, its bytes. */
static int read_load(struct jit_map *map, struct cursor *record)
{
	cursor_skip(record, 16); /* process, thread, address in another mapping of it */
	uint64_t start = cursor_u64(record), bytes = cursor_u64(record);
	cursor_skip(record, 8); /* its number */
	const uint8_t *name = record->at;
	if (record->failed || !memchr(name, 0, cursor_left(record)) || !*name || !bytes)
		return 0;
	return add(map, start, bytes, (size_t)(name - (const uint8_t *)map->text));
}

static int read_dump(struct jit_map *map)
{
	struct cursor c = cursor_new(map->text, map->bytes);
	cursor_skip(&c, 8); /* magic, version */
	uint32_t header = cursor_u32(&c);
	cursor_skip(&c, header > 12 ? header - 12 : 0);
	int code = 0;
	while (!code && cursor_left(&c)) {
		uint32_t kind = cursor_u32(&c), bytes = cursor_u32(&c);
		cursor_skip(&c, 8); /* time */
		struct cursor record =
			cursor_part(&c, bytes > RECORD_HEAD ? bytes - RECORD_HEAD : 0);
		if (!c.failed && kind == DUMP_LOAD)
			code = read_load(map, &record);
	}
	return code;
}

static int compare(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	return (x->start > y->start) - (x->start < y->start);
}

int jit_map_new(int fd, struct jit_map **out, struct err *err)
{
	guard_jit_map struct jit_map *map = calloc(1, sizeof(*map));
	if (!map)
		return -ENOMEM;
	int code = read_text(map, fd);
	if (code == -EIO)
		return err_set(err, code, ERR_FAILED, "cannot read what it wrote of its code");
	if (!code)
		code = is_dump(map) ? read_dump(map) : read_lines(map);
	if (code)
		return code;
	code = sort_records(map->entries, map->n, sizeof(*map->entries), compare);
	if (!code)
		code = spans_lay_out_latest(map->entries, map->n, &map->spans);
	if (code)
		return code;
	free(map->entries);
	map->entries = NULL;
	*out = steal_ptr(map);
	return 0;
}

void jit_map_free(struct jit_map *map)
{
	if (!map)
		return;
	spans_deinit(&map->spans);
	free(map->entries);
	free(map->names);
	free(map->text);
	free(map);
}

uint32_t jit_map_n(const struct jit_map *map)
{
	return map->n;
}

bool jit_map_is_cut(const struct jit_map *map)
{
	return map->cut;
}

const char *jit_map_find(const struct jit_map *map, uint64_t address)
{
	const struct span *span = spans_find(&map->spans, address);
	return span ? map->text + map->names[span->value] : NULL;
}
