/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's diary on stderr: who records whom, one line each, which a service manager keeps. The
 * engine never waits for whoever reads it: lines that do not fit at once are counted, and the next
 * one that fits says so. */
#pragma once

/* One line, without "probed: " and without its end; cut at 500 bytes. Text of targets is escaped
 * before. */
void audit_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
