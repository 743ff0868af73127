/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/maps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "common/array.h"
#include "common/guard.h"
#include "common/limits.h"

/* Reads a number of this base that ends with `end`; moves behind it. */
static bool take_number(const char **at, const char *stop, unsigned base, char end, uint64_t *value)
{
	const char *p = *at;
	uint64_t n = 0;
	for (; p < stop && *p != end; p++) {
		unsigned digit = *p >= '0' && *p <= '9'	  ? (unsigned)(*p - '0')
				 : *p >= 'a' && *p <= 'f' ? (unsigned)(*p - 'a' + 10)
							  : 99;
		if (digit >= base || n > (UINT64_MAX - digit) / base)
			return false;
		n = n * base + digit;
	}
	if (p == *at || p == stop)
		return false;
	*at = p + 1;
	*value = n;
	return true;
}

/* The kernel writes a line break in a path as \012. */
static char *take_path(const char *p, const char *stop)
{
	char *path = array_copy(p, (size_t)(stop - p)), *out = path;
	for (const char *in = path; *in; in++)
		if (!strncmp(in, "\\012", 4)) {
			*out++ = '\n';
			in += 3;
		} else {
			*out++ = *in;
		}
	*out = '\0';
	return path;
}

static bool cut_suffix(char *text, const char *suffix)
{
	size_t n = strlen(text), s = strlen(suffix);
	if (n < s || strcmp(text + n - s, suffix) != 0)
		return false;
	text[n - s] = '\0';
	return true;
}

static enum maps_kind kind_of(const struct maps_line *line)
{
	if (line->inode)
		return MAPS_FILE;
	if (!strcmp(line->path, "[vdso]"))
		return MAPS_VDSO;
	return !strcmp(line->path, "[vsyscall]") ? MAPS_OTHER : MAPS_ANONYMOUS;
}

void maps_set_path(struct maps_line *line, const char *path)
{
	line->path = array_copy(path, strlen(path));
	line->deleted = line->inode && cut_suffix(line->path, " (deleted)");
	line->kind = kind_of(line);
}

/* start-end perms offset major:minor inode   path */
static bool parse_line(const char *p, const char *stop, struct maps_line *line)
{
	uint64_t major, minor;
	if (!take_number(&p, stop, 16, '-', &line->start) ||
	    !take_number(&p, stop, 16, ' ', &line->end) || stop - p < 5 || p[2] != 'x')
		return false;
	p += 5;
	if (!take_number(&p, stop, 16, ' ', &line->offset) ||
	    !take_number(&p, stop, 16, ':', &major) || !take_number(&p, stop, 16, ' ', &minor))
		return false;
	/* The number of the inode is the last field where there is no path. */
	const char *inode = p;
	while (p < stop && *p >= '0' && *p <= '9')
		p++;
	if (p == inode || p - inode > 20)
		return false;
	line->inode = strtoull(inode, NULL, 10);
	while (p < stop && *p == ' ')
		p++;
	line->dev = makedev((unsigned)major, (unsigned)minor);
	if (line->end <= line->start)
		return false;
	line->path = take_path(p, stop);
	line->deleted = line->inode && cut_suffix(line->path, " (deleted)");
	line->kind = kind_of(line);
	return true;
}

void maps_parse(const char *text, size_t bytes, struct maps *maps)
{
	const char *stop = text + bytes;
	uint64_t last = 0;
	for (const char *p = text; p < stop;) {
		const char *end = memchr(p, '\n', (size_t)(stop - p));
		if (!end)
			break; /* a line cut short says nothing */
		struct maps_line line = {0};
		if (parse_line(p, end, &line)) {
			if (line.start >= last) {
				*array_add(maps) = line;
				last = line.end;
			} else {
				free(line.path);
			}
		}
		p = end + 1;
	}
}

int maps_read(int fd, struct maps *maps)
{
	*maps = (struct maps){0};
	char *text guard_mem = NULL;
	uint32_t room = 0;
	size_t n = 0;
	for (;;) {
		text = array_room(text, (uint32_t)n + (64 << 10), &room, 1);
		ssize_t got = pread(fd, text + n, room - n, (off_t)n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		n += (size_t)got;
		if (n > LIMIT_MAPS_BYTES)
			return -E2BIG;
	}
	if (!n)
		return -ESRCH;

	maps_parse(text, n, maps);
	return 0;
}

void maps_deinit(struct maps *maps)
{
	for (uint32_t i = 0; i < maps->n; i++)
		free(maps->at[i].path);
	free(maps->at);
	*maps = (struct maps){0};
}

uint32_t maps_first(const struct maps *maps, uint64_t address)
{
	uint32_t low = 0, high = maps->n;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (maps->at[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct maps_line *maps_find(const struct maps *maps, uint64_t address)
{
	uint32_t i = maps_first(maps, address);
	return i < maps->n && maps->at[i].start <= address ? &maps->at[i] : NULL;
}
