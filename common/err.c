/* SPDX-License-Identifier: Apache-2.0 */
#include "common/err.h"

#include <stdarg.h>
#include <stdio.h>

int err_set(struct err *err, int code, int status, const char *format, ...)
{
	if (!err || err->status)
		return code;
	err->status = status;
	err->hint[0] = '\0';
	va_list args;
	va_start(args, format);
	vsnprintf(err->msg, sizeof(err->msg), format, args);
	va_end(args);
	return code;
}

void err_hint(struct err *err, const char *format, ...)
{
	if (!err || err->hint[0])
		return;
	va_list args;
	va_start(args, format);
	vsnprintf(err->hint, sizeof(err->hint), format, args);
	va_end(args);
}
