/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/audit.h"

#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

enum {
	LINE_BYTES = 512, /* fewer than PIPE_BUF: whole, or not at all */
};

static uint64_t lost;

static bool is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, inode;
	struct stat stat;
	return stream && sscanf(stream, "%llu:%llu", &dev, &inode) == 2 &&
	       !fstat(STDERR_FILENO, &stat) && stat.st_dev == dev && stat.st_ino == inode;
}

/* False: stderr has no room. A pipe is writable when PIPE_BUF bytes fit. */
static bool write_line(int priority, const char *text)
{
	char line[LINE_BYTES + 32], prefix[8] = "";
	struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
	if (is_journal())
		snprintf(prefix, sizeof(prefix), "<%d>", priority);
	int n = snprintf(line, sizeof(line), "%sprobed: %s\n", prefix, text);
	return poll(&room, 1, 0) == 1 && (room.revents & POLLOUT) &&
	       write(STDERR_FILENO, line, (size_t)n) == n;
}

__attribute__((format(printf, 2, 0))) static void add(int priority, const char *format,
						      va_list args)
{
	char text[LINE_BYTES];
	if (lost) {
		snprintf(text, sizeof(text), "%llu lines were lost: nobody read them",
			 (unsigned long long)lost);
		if (write_line(LOG_WARNING, text))
			lost = 0;
	}
	vsnprintf(text, sizeof(text), format, args);
	if (!write_line(priority, text))
		lost++;
}

void audit_line(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	add(LOG_INFO, format, args);
	va_end(args);
}

void audit_problem(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	add(LOG_WARNING, format, args);
	va_end(args);
}
