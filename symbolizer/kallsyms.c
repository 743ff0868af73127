/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/kallsyms.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"

enum {
	SYMBOLS_LIMIT = 2 << 20, /* a kernel with all its modules has 200,000 functions */
	TEXT_LIMIT = 128 << 20,
	LINE_LIMIT = 1024, /* KSYM_NAME_LEN is 512 */
	REACH = 64 << 10,
};

struct symbol {
	uint64_t address;
	uint32_t name;	 /* offset into names */
	uint32_t module; /* the same; 0: "" */
};

struct kallsyms {
	struct symbol *symbols; /* by address, one an address */
	uint32_t n, room;
	char *names; /* NUL-terminated; begins with "" */
	uint32_t names_bytes, names_room;
	uint32_t last_module; /* modules come in runs: their name is kept once a run */
};

static int add_name(struct kallsyms *k, const char *name, size_t bytes, uint32_t *offset)
{
	if (bytes + 1 > k->names_room - k->names_bytes) {
		uint32_t room = 2 * k->names_room + 2 * LINE_LIMIT;
		char *grown = room > TEXT_LIMIT ? NULL : realloc(k->names, room);
		if (!grown)
			return -ENOMEM;
		k->names = grown;
		k->names_room = room;
	}
	memcpy(k->names + k->names_bytes, name, bytes);
	k->names[k->names_bytes + bytes] = 0;
	*offset = k->names_bytes;
	k->names_bytes += (uint32_t)bytes + 1;
	return 0;
}

static int add_module(struct kallsyms *k, const char *module, uint32_t *offset)
{
	int code = 0;
	if (!*module)
		*offset = 0;
	else if (k->last_module && !strcmp(k->names + k->last_module, module))
		*offset = k->last_module;
	else
		code = add_name(k, module, strlen(module), offset);
	if (!code && *offset)
		k->last_module = *offset;
	return code;
}

static int add_symbol(struct kallsyms *k, uint64_t address, const char *name, const char *module)
{
	if (k->n == k->room) {
		uint32_t room = k->room ? 2 * k->room : 4096;
		if (room > SYMBOLS_LIMIT)
			return -EFBIG;
		void *grown = realloc(k->symbols, room * sizeof(struct symbol));
		if (!grown)
			return -ENOMEM;
		k->symbols = grown;
		k->room = room;
	}
	struct symbol symbol = {.address = address};
	int code = add_module(k, module, &symbol.module);
	if (!code)
		code = add_name(k, name, strlen(name), &symbol.name);
	if (!code)
		k->symbols[k->n++] = symbol;
	return code;
}

/* One line, `address type name` and for modules a tab and `[module]`; lines of another shape and
 * symbols that are no functions are passed over. `line` is written to. */
static int add_line(struct kallsyms *k, char *line, bool *hidden)
{
	char *end;
	uint64_t address = strtoull(line, &end, 16);
	if (end == line || end[0] != ' ' || !end[1] || !strchr("tTwW", end[1]) || end[2] != ' ')
		return 0;
	if (!address) {
		*hidden = true;
		return 0;
	}
	char *name = end + 3, *module = name + strcspn(name, "\t");
	if (*module) {
		*module++ = 0;
		module += *module == '[';
		module[strcspn(module, "]")] = 0;
	}
	return *name ? add_symbol(k, address, name, module) : 0;
}

/* Reads to the end of the file, a line at a time. */
static int read_lines(struct kallsyms *k, int fd, bool *hidden)
{
	static char buffer[64 << 10];
	size_t held = 0, all = 0;
	for (;;) {
		ssize_t n = read(fd, buffer + held, sizeof(buffer) - 1 - held);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -EIO;
		if (n == 0)
			return 0;
		all += (size_t)n;
		if (all > TEXT_LIMIT)
			return -EFBIG;
		held += (size_t)n;
		char *line = buffer, *newline;
		while ((newline = memchr(line, '\n', held - (size_t)(line - buffer)))) {
			*newline = 0;
			int code = newline - line < LINE_LIMIT ? add_line(k, line, hidden) : 0;
			if (code)
				return code;
			line = newline + 1;
		}
		held -= (size_t)(line - buffer);
		memmove(buffer, line, held);
		if (held > LINE_LIMIT)
			held = LINE_LIMIT; /* a line of no known shape: its start is enough */
	}
}

/* At one address the best name first: fewer leading underscores, then shorter, then in order. */
static int compare(const void *a, const void *b, void *names)
{
	const struct symbol *x = a, *y = b;
	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	const char *p = (const char *)names + x->name, *q = (const char *)names + y->name;
	size_t under_p = strspn(p, "_"), under_q = strspn(q, "_");
	if (under_p != under_q)
		return under_p < under_q ? -1 : 1;
	size_t long_p = strlen(p), long_q = strlen(q);
	if (long_p != long_q)
		return long_p < long_q ? -1 : 1;
	return strcmp(p, q);
}

static void sort(struct kallsyms *k)
{
	qsort_r(k->symbols, k->n, sizeof(struct symbol), compare, k->names);
	uint32_t kept = 0;
	for (uint32_t i = 0; i < k->n; i++)
		if (!kept || k->symbols[kept - 1].address != k->symbols[i].address)
			k->symbols[kept++] = k->symbols[i];
	k->n = kept;
}

int kallsyms_new(int fd, struct kallsyms **out, struct err *err)
{
	guard_kallsyms struct kallsyms *k = calloc(1, sizeof(*k));
	uint32_t empty;
	bool hidden = false;
	if (!k || add_name(k, "", 0, &empty))
		return -ENOMEM;
	int code = read_lines(k, fd, &hidden);
	if (code)
		return err_set(err, code, ERR_FAILED, "cannot read /proc/kallsyms");
	if (!k->n && hidden)
		return err_set(err, -EPERM, ERR_FAILED,
			       "the kernel hides its addresses (kernel.kptr_restrict)");
	if (!k->n)
		return err_set(err, -ENODATA, ERR_FAILED, "/proc/kallsyms names no function");
	sort(k);
	*out = steal_ptr(k);
	return 0;
}

void kallsyms_free(struct kallsyms *k)
{
	if (!k)
		return;
	free(k->symbols);
	free(k->names);
	free(k);
}

uint32_t kallsyms_n(const struct kallsyms *k)
{
	return k->n;
}

int kallsyms_find(const struct kallsyms *k, uint64_t address, struct kallsyms_name *name)
{
	uint32_t low = 0, high = k->n;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (k->symbols[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return -ENOENT;
	const struct symbol *symbol = &k->symbols[low - 1];
	bool bounded = symbol->module || low == k->n || k->symbols[low].module;
	if (bounded && address - symbol->address >= REACH)
		return -ENOENT;
	*name = (struct kallsyms_name){k->names + symbol->name, k->names + symbol->module};
	return 0;
}
