/* SPDX-License-Identifier: Apache-2.0 */
/* A live view's terminal: the alternate screen, drawn by line and only where a line has changed, so
 * that nothing flickers, and keys as they are typed. Standard output is the terminal; ANSI's
 * sequences are enough for every terminal of today. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

struct err;

struct screen {
	size_t width, height;
	/* Private. */
	char **shown, **wanted; /* height lines each; NULL: not known, empty */
	struct termios was;
	bool open, raw;
};

enum screen_key {
	SCREEN_NO_KEY = -1,  /* none is waiting, or one that has no meaning here */
	SCREEN_KEYS_END = 0, /* nobody can type any more */
	SCREEN_ENTER = '\n',
	SCREEN_ESCAPE = 0x1b,
	SCREEN_BACKSPACE = 0x7f,
};

/* ERR_USAGE with words: standard output is no terminal, or one that cannot. */
int screen_open(struct screen *screen, struct err *err);
/* The terminal as it was. Zeroed storage is fine, twice too. */
void screen_close(struct screen *screen);
/* Asks for the size again (after SIGWINCH): all lines are empty, and everything is drawn anew. */
void screen_resize(struct screen *screen);

/* What line `row` (from 0; beyond the height: nothing) is to show: text of at most `width` columns,
 * and colours, which end in it. Copied; without its line end. */
void screen_set(struct screen *screen, size_t row, const char *text, size_t bytes);
/* Writes the lines that differ from what is shown. Lines that were not set since are empty. */
void screen_draw(struct screen *screen);

/* Where keys come from, for poll(); -1: nowhere. */
int screen_keys(const struct screen *screen);
/* After poll(): the next key, an enum screen_key or a byte of text. Sequences (arrows) are passed
 * over. */
int screen_key(struct screen *screen);
