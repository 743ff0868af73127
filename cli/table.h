/* SPDX-License-Identifier: Apache-2.0 */
/* A table of text for people: columns as wide as their widest cell, two blanks between them,
 * nothing after the last. On a terminal one column gives way so that a line fits its width. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum table_flags {
	TABLE_RIGHT = 1, /* numbers */
	TABLE_FLEXIBLE = 2,
};

struct table_column {
	const char *title;
	int flags;
};

struct table;
/* `columns`: n, borrowed. */
struct table *table_new(const struct table_column *columns, size_t n);
void table_free(struct table *table);
/* A new row; cells are copied, and must be free of control characters. */
void table_add(struct table *table, const char *const *cells);
/* The last row stands out (where there is colour). */
void table_highlight(struct table *table);
/* The flexible column takes what is left of the width, also where it needs less. */
void table_fill(struct table *table);
/* `width` 0: never cut. */
void table_print(const struct table *table, FILE *out, size_t width, bool colour);
