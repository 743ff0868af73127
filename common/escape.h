/* SPDX-License-Identifier: Apache-2.0 */
/* The one way for text of a target (symbol, comm, path) to reach people: control characters (C0,
 * DEL, C1, bidi controls, line separators) and bytes that are not UTF-8 become \xNN, so nothing
 * reaches a terminal, a folded line, JSON or HTML raw. */
#pragma once

#include <stddef.h>

/* Writes at most room - 1 bytes and a NUL, cut between characters; returns the bytes written. */
size_t escape_text(char *out, size_t room, const char *text, size_t bytes);
/* The same, new on the heap. */
char *escape_new(const char *text, size_t bytes);
