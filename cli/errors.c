/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/errors.h"

#include "common/err.h"
#include "common/escape.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void print_json(int status, const char *msg, const char *hint)
{
	json_t *root = json_pack("{s{sissss*}}", "error", "code", status, "message", msg, "hint",
				 *hint ? hint : NULL);
	if (!root || json_dumpf(root, stderr, JSON_COMPACT | JSON_ENSURE_ASCII))
		fprintf(stderr, "{\"error\":{\"code\":%d}}", status);
	fputc('\n', stderr);
	json_decref(root);
}

int errors_print(const struct err *err, bool json)
{
	/* Words quote file names and what was typed. */
	char msg[4 * sizeof(err->msg)], hint[4 * sizeof(err->hint)];
	escape_text(msg, sizeof(msg), err->msg, strlen(err->msg));
	escape_text(hint, sizeof(hint), err->hint, strlen(err->hint));
	int status = err->status ? err->status : ERR_FAILED;
	if (json) {
		print_json(status, msg, hint);
		return status;
	}
	fprintf(stderr, "probe: %s\n", msg);
	if (*hint)
		fprintf(stderr, "  hint: %s\n", hint);
	return status;
}

void errors_note(const char *format, ...)
{
	char raw[1024], line[4 * sizeof(raw)];
	va_list args;
	va_start(args, format);
	vsnprintf(raw, sizeof(raw), format, args);
	va_end(args);
	escape_text(line, sizeof(line), raw, strlen(raw));
	fprintf(stderr, "probe: %s\n", line);
}

bool errors_want_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--json"))
			return true;
	return false;
}
