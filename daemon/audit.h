/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's diary on stderr: who records whom, one line each, which a service manager keeps. The
 * daemon never waits for whoever reads it: lines that do not fit at once are counted, and the next
 * one that fits says so. Where stderr is the journal (systemd.exec(5), JOURNAL_STREAM), lines begin
 * with their priority. */
#pragma once

/* One line, without "probed: " and without its end; cut at 500 bytes. Text of targets is escaped
 * before. */
void audit_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* One that the administrator should look at. */
void audit_problem(const char *format, ...) __attribute__((format(printf, 1, 2)));
