/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wchar.h>

/* What the environment says of a side of the terminal; 0: nothing. */
static size_t wished(const char *variable)
{
	const char *text = getenv(variable);
	long wish = text ? strtol(text, NULL, 10) : 0;
	return wish > 0 && wish < 10000 ? (size_t)wish : 0;
}

size_t terminal_width(void)
{
	if (!isatty(STDOUT_FILENO))
		return 0;
	size_t wish = wished("COLUMNS");
	struct winsize size;
	if (!wish && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		wish = size.ws_col;
	return wish ? wish : 80;
}

size_t terminal_height(void)
{
	size_t wish = wished("LINES");
	struct winsize size;
	if (!wish && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		wish = size.ws_row;
	return wish ? wish : 24;
}

bool terminal_has_colour(enum terminal_colour wish)
{
	if (wish != TERMINAL_AUTO)
		return wish == TERMINAL_ALWAYS;
	const char *none = getenv("NO_COLOR"), *term = getenv("TERM");
	return isatty(STDOUT_FILENO) && !(none && *none) && !(term && !strcmp(term, "dumb"));
}

int terminal_parse_colour(const char *text, enum terminal_colour *colour)
{
	static const char *const names[] = {"auto", "always", "never"};
	for (int i = 0; i < 3; i++)
		if (!strcmp(names[i], text)) {
			*colour = (enum terminal_colour)i;
			return 0;
		}
	return -EINVAL;
}

/* Bytes and columns of the character at `text`; what the locale does not know takes one column. */
static size_t character(const char *text, size_t *columns)
{
	*columns = 1;
	if (!((unsigned char)*text & 0x80))
		return 1;
	wchar_t wide;
	mbstate_t state = {0};
	size_t bytes = mbrtowc(&wide, text, strlen(text), &state);
	if (bytes == 0 || bytes > 8) {
		bytes = 1;
		while (((unsigned char)text[bytes] & 0xc0) == 0x80)
			bytes++;
		return bytes;
	}
	int width = wcwidth(wide);
	*columns = width >= 0 ? (size_t)width : 1;
	return bytes;
}

size_t terminal_columns_of(const char *text)
{
	size_t sum = 0, columns;
	while (*text) {
		text += character(text, &columns);
		sum += columns;
	}
	return sum;
}

size_t terminal_cut(const char *text, size_t columns)
{
	size_t sum = 0, at = 0, one;
	while (text[at]) {
		size_t bytes = character(text + at, &one);
		if (sum + one > columns)
			break;
		sum += one;
		at += bytes;
	}
	return at;
}

static pid_t pager = -1;

static void run_pager(const char *command, int input)
{
	dup2(input, STDIN_FILENO);
	setenv("LESS", "FRX", 0);
	execl("/bin/sh", "sh", "-c", command, NULL);
	_exit(127);
}

/* `less` may be missing. */
#define DEFAULT_PAGER "if command -v less >/dev/null 2>&1; then exec less; else exec cat; fi"

void terminal_page_begin(void)
{
	const char *command = getenv("PAGER");
	if (!command)
		command = DEFAULT_PAGER;
	if (!isatty(STDOUT_FILENO) || !*command || !strcmp(command, "cat"))
		return;
	const char *term = getenv("TERM");
	if (!term || !strcmp(term, "dumb"))
		return;
	int ends[2];
	fflush(NULL);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	pager = fork();
	if (pager == 0)
		run_pager(command, ends[0]);
	if (pager > 0) {
		dup2(ends[1], STDOUT_FILENO);
		/* Ctrl-C is the pager's while it shows the text. */
		signal(SIGINT, SIG_IGN);
	}
	close(ends[0]);
	close(ends[1]);
}

void terminal_page_end(void)
{
	if (pager <= 0)
		return;
	/* The pager sees the end; what is printed after it goes nowhere. */
	fflush(stdout);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null >= 0)
		dup2(null, STDOUT_FILENO);
	else
		close(STDOUT_FILENO);
	while (waitpid(pager, NULL, 0) < 0 && errno == EINTR)
		;
	pager = -1;
	if (null >= 0)
		close(null);
	signal(SIGINT, SIG_DFL);
}
