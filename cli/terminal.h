/* SPDX-License-Identifier: Apache-2.0 */
/* What the terminal can do, and the pager. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum terminal_colour {
	TERMINAL_AUTO, /* on a terminal, without NO_COLOR and TERM=dumb */
	TERMINAL_ALWAYS,
	TERMINAL_NEVER,
};

/* Of standard output: 0 when it is no terminal. $COLUMNS overrules a terminal's own answer. */
size_t terminal_width(void);
/* Of standard output; 24 where it does not say. $LINES overrules it. */
size_t terminal_height(void);
bool terminal_has_colour(enum terminal_colour wish);
/* "auto", "always", "never"; -EINVAL */
int terminal_parse_colour(const char *text, enum terminal_colour *colour);

/* Columns that UTF-8 text takes (ASCII anywhere; wide characters by the locale). */
size_t terminal_columns_of(const char *text);
/* Bytes of the longest beginning of `text` that takes at most so many columns. */
size_t terminal_cut(const char *text, size_t columns);

/* If standard output is a terminal: puts $PAGER (less -FRX) behind it. Ask for width and colour
 * first. Does nothing with PAGER=cat or PAGER= or where it cannot be started. */
void terminal_page_begin(void);
/* Waits until it has been read. Does nothing without a pager. */
void terminal_page_end(void);
