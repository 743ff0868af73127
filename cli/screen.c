/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/screen.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/terminal.h"
#include "common/err.h"
#include "common/guard.h"
#include "common/memory.h"

/* Alternate screen, no cursor, lines end at the edge; and all of it back. */
#define ENTER "\033[?1049h\033[?25l\033[?7l\033[2J"
#define LEAVE "\033[0m\033[?7h\033[?25h\033[?1049l"

static void write_all(const char *text, size_t bytes)
{
	while (bytes) {
		ssize_t n = write(STDOUT_FILENO, text, bytes);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return; /* a terminal that is gone: its end of keys is noticed */
		if (n > 0) {
			text += n;
			bytes -= (size_t)n;
		}
	}
}

static void free_lines(struct screen *screen)
{
	for (size_t row = 0; row < screen->height; row++) {
		free(screen->shown[row]);
		free(screen->wanted[row]);
	}
	free(screen->shown);
	free(screen->wanted);
	screen->shown = screen->wanted = NULL;
	screen->height = 0;
}

/* Keys one by one, without echo. Ctrl-C stays a signal; Ctrl-Z would leave our screen behind. */
static void make_raw(struct screen *screen)
{
	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &screen->was))
		return;
	struct termios raw = screen->was;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_iflag |= ICRNL;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	raw.c_cc[VSUSP] = _POSIX_VDISABLE;
	screen->raw = !tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
}

int screen_open(struct screen *screen, struct err *err)
{
	*screen = (struct screen){0};
	const char *term = getenv("TERM");
	if (!isatty(STDOUT_FILENO) || !term || !*term || !strcmp(term, "dumb")) {
		err_set(err, -ENOTTY, ERR_USAGE, "a live view needs a terminal%s",
			isatty(STDOUT_FILENO) ? " that can do more than TERM says" : "");
		err_hint(err, "--once prints one table");
		return -ENOTTY;
	}
	fflush(stdout);
	make_raw(screen);
	write_all(ENTER, strlen(ENTER));
	screen->open = true;
	screen_resize(screen);
	return 0;
}

void screen_close(struct screen *screen)
{
	free_lines(screen);
	if (screen->open)
		write_all(LEAVE, strlen(LEAVE));
	if (screen->raw)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &screen->was);
	screen->open = screen->raw = false;
}

void screen_resize(struct screen *screen)
{
	static const char clear[] = "\033[2J";
	free_lines(screen);
	screen->width = terminal_width();
	screen->height = terminal_height();
	screen->shown = memory_new(screen->height, sizeof(*screen->shown));
	screen->wanted = memory_new(screen->height, sizeof(*screen->wanted));
	write_all(clear, strlen(clear));
}

void screen_set(struct screen *screen, size_t row, const char *text, size_t bytes)
{
	if (row >= screen->height)
		return;
	free(screen->wanted[row]);
	screen->wanted[row] = memory_new(bytes + 1, 1);
	memcpy(screen->wanted[row], text, bytes);
}

void screen_draw(struct screen *screen)
{
	char *text guard_mem = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);
	if (!out)
		memory_exhausted();
	for (size_t row = 0; row < screen->height; row++) {
		char **shown = &screen->shown[row], **wanted = &screen->wanted[row];
		const char *new = *wanted ? *wanted : "";
		/* Cleared before, not after: a line may end in the last column. */
		if (strcmp(*shown ? *shown : "", new) != 0)
			fprintf(out, "\033[%zu;1H\033[2K%s", row + 1, new);
		free(*shown);
		*shown = steal_ptr(*wanted);
	}
	fclose(out);
	write_all(text, bytes);
}

int screen_keys(const struct screen *screen)
{
	return screen->raw ? STDIN_FILENO : -1;
}

static bool more_is_there(void)
{
	struct pollfd poller = {.fd = STDIN_FILENO, .events = POLLIN};
	return poll(&poller, 1, 0) > 0;
}

/* After ESC: "[", parameters, a letter; or "O" and a letter. */
static int pass_over_sequence(void)
{
	unsigned char byte;
	if (!more_is_there())
		return SCREEN_ESCAPE;
	bool first = true;
	while (more_is_there() && read(STDIN_FILENO, &byte, 1) == 1) {
		if (!first && byte >= 0x40)
			break;
		first = false;
	}
	return SCREEN_NO_KEY;
}

int screen_key(struct screen *screen)
{
	unsigned char byte;
	if (!screen->raw || !more_is_there())
		return SCREEN_NO_KEY;
	ssize_t n = read(STDIN_FILENO, &byte, 1);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return SCREEN_NO_KEY;
	if (n <= 0 || byte == 4)
		return SCREEN_KEYS_END;
	if (byte == '\b')
		return SCREEN_BACKSPACE;
	return byte == SCREEN_ESCAPE ? pass_over_sequence() : byte;
}
