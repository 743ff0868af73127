/* SPDX-License-Identifier: Apache-2.0 */
/* Words for people about a failure. Functions return 0 or a negative errno ("failed; forward it");
 * the words travel in a caller-owned struct err, last parameter, which may be NULL. The first
 * reason wins: who forwards does not overwrite. Libraries neither print nor exit. */
#pragma once

#include <stdbool.h>

/* What went wrong, as the CLI's exit status (probe(1)). */
enum err_status {
	ERR_FAILED = 1,
	ERR_USAGE = 2,
	ERR_NO_PROCESS = 3,
	ERR_PERMISSION = 4,
	ERR_NO_DAEMON = 5,
	ERR_NOTHING_SAMPLED = 6,
	ERR_ABANDONED = 130,
};

struct err {
	int status;	/* enum err_status; 0: nothing set */
	char msg[320];	/* one line, without "probe: " and without a final stop */
	char hint[320]; /* what to do, or "" */
};

/* Sets words unless some are set (err may be NULL). Returns `code`, so that a function can end with
 * `return err_set(err, -EINVAL, ERR_USAGE, "…")`. */
int err_set(struct err *err, int code, int status, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Adds what to do, unless a hint is there. */
void err_hint(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline bool err_is_set(const struct err *err)
{
	return err && err->status;
}
