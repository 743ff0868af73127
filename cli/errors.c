/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/errors.h"

#include "common/err.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void print_json(int status, const char *msg, const char *hint)
{
	json_t *root = json_pack("{s{sisss*}}", "error", "code", status, "message", msg, "hint",
				 *hint ? hint : NULL);
	if (!root || json_dumpf(root, stderr, JSON_COMPACT | JSON_ENSURE_ASCII))
		fprintf(stderr, "{\"error\":{\"code\":%d}}", status);
	fputc('\n', stderr);
	json_decref(root);
}

int errors_print(const struct err *err, bool json)
{
	int status = err->status ? err->status : ERR_FAILED;
	if (json) {
		print_json(status, err->msg, err->hint);
		return status;
	}
	fprintf(stderr, "probe: %s\n", err->msg);
	if (err->hint[0])
		fprintf(stderr, "  hint: %s\n", err->hint);
	return status;
}

void errors_note(const char *format, ...)
{
	char line[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	fprintf(stderr, "probe: %s\n", line);
}

bool errors_want_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--json"))
			return true;
	return false;
}
