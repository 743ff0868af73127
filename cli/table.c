/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include "cli/terminal.h"
#include "common/array.h"
#include "common/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	GAP = 2,
	FLEXIBLE_MIN = 12,
	FIRST_MIN = 6, /* of a cell of two parts, with its dots */
};

struct table {
	const struct table_column *columns;
	size_t n;
	struct {
		char *at;
		uint32_t n, room;
	} text; /* of all cells, each NUL-terminated */
	struct {
		size_t *at;
		uint32_t n, room;
	} cells; /* starts in text, n a row */
	struct {
		bool *at;
		uint32_t n, room;
	} highlights;
	size_t *widths;
	bool fill;
};

struct table *table_new(const struct table_column *columns, size_t n)
{
	struct table *table = memory_new(1, sizeof(*table));
	table->columns = columns;
	table->n = n;
	table->widths = memory_new(n, sizeof(*table->widths));
	for (size_t i = 0; i < n; i++)
		table->widths[i] = strlen(columns[i].title);
	return table;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	free(table->text.at);
	free(table->cells.at);
	free(table->highlights.at);
	free(table->widths);
	free(table);
}

void table_add(struct table *table, const char *const *cells)
{
	for (size_t i = 0; i < table->n; i++) {
		size_t bytes = strlen(cells[i]) + 1;
		*array_add(&table->cells) = table->text.n;
		array_reserve(&table->text, (uint32_t)bytes);
		memcpy(table->text.at + table->text.n, cells[i], bytes);
		table->text.n += (uint32_t)bytes;
		size_t width = terminal_columns_of(cells[i]);
		if (width > table->widths[i])
			table->widths[i] = width;
	}
	*array_add(&table->highlights) = false;
}

void table_highlight(struct table *table)
{
	table->highlights.at[table->highlights.n - 1] = true;
}

void table_fill(struct table *table)
{
	table->fill = true;
}

/* What the flexible column may have, so that a line fits. */
static size_t flexible_width(const struct table *table, size_t flexible, size_t width)
{
	size_t others = 0;
	for (size_t i = 0; i < table->n; i++)
		others += i == flexible ? 0 : table->widths[i] + GAP;
	size_t own = table->widths[flexible];
	if (!width || (!table->fill && others + own <= width))
		return own;
	size_t rest = width > others ? width - others : 0;
	return rest > FLEXIBLE_MIN ? rest : FLEXIBLE_MIN;
}

/* Where the last part of a cell of two ("name  file:12") begins; NULL: it has one. */
static const char *last_part(const char *text)
{
	const char *last = NULL;
	text += strspn(text, " ");
	for (const char *gap = text; (gap = strstr(gap, "  ")); gap++)
		last = gap;
	return last;
}

/* Of two parts the last is kept whole where that leaves something of the first. */
static void print_cut(FILE *out, const char *text, size_t width)
{
	const char *last = last_part(text);
	size_t kept = last ? terminal_columns_of(last) : 0;
	if (kept + FIRST_MIN > width)
		kept = 0;
	size_t bytes = terminal_cut(text, width - kept - 2);
	fprintf(out, "%.*s..%s", (int)bytes, text, kept ? last : "");
}

static void print_cell(FILE *out, const char *text, size_t width, bool right, bool last)
{
	size_t columns = terminal_columns_of(text);
	int pad = columns < width ? (int)(width - columns) : 0;
	if (right)
		fprintf(out, "%*s", pad, "");
	if (columns > width)
		print_cut(out, text, width);
	else
		fputs(text, out);
	if (!right && !last)
		fprintf(out, "%*s", pad, "");
}

/* Cuts what still sticks out of a narrow terminal: the last columns go. */
static void print_row(const struct table *table, FILE *out, const char *const *cells,
		      const size_t *widths, size_t limit)
{
	size_t used = 0, n = table->n;
	while (n && !*cells[n - 1]) /* no blanks at the end of a line */
		n--;
	for (size_t i = 0; i < n; i++) {
		size_t width = widths[i];
		if (limit && used + width > limit) {
			if (used + 3 > limit)
				break;
			width = limit - used;
		}
		print_cell(out, cells[i], width, table->columns[i].flags & TABLE_RIGHT, i + 1 == n);
		used += width + GAP;
		if (i + 1 < n && (!limit || used + 3 <= limit))
			fputs("  ", out);
	}
}

void table_print(const struct table *table, FILE *out, size_t width, bool colour)
{
	size_t *widths = memory_new(table->n, sizeof(*widths));
	const char **cells = memory_new(table->n, sizeof(*cells));
	for (size_t i = 0; i < table->n; i++) {
		bool flexible = table->columns[i].flags & TABLE_FLEXIBLE;
		widths[i] = flexible ? flexible_width(table, i, width) : table->widths[i];
		cells[i] = table->columns[i].title;
	}
	print_row(table, out, cells, widths, width);
	fputc('\n', out);
	for (uint32_t row = 0; row < table->highlights.n; row++) {
		for (size_t i = 0; i < table->n; i++)
			cells[i] = table->text.at + table->cells.at[row * table->n + i];
		bool stands_out = colour && table->highlights.at[row];
		fputs(stands_out ? "\033[1;31m" : "", out);
		print_row(table, out, cells, widths, width);
		fputs(stands_out ? "\033[0m\n" : "\n", out);
	}
	free(widths);
	free(cells);
}
