/* SPDX-License-Identifier: Apache-2.0 */
/* How the program says what went wrong: one line, a second one with what to do, an exit status. */
#pragma once

#include <stdbool.h>

struct err;

/* Prints "probe: …" and "  hint: …" (or {"error":{"code","message","hint"}}) to stderr; returns the
 * exit status. */
int errors_print(const struct err *err, bool json);
/* A line to stderr that is no failure: "probe: …". */
void errors_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Whether --json stands in argv before `--`: also usage errors honour it. */
bool errors_want_json(int argc, char **argv);
