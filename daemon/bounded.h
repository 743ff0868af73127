/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what may never come to its end: an iterator over the memory of others waits for whoever
 * serves that memory. */
#pragma once

/* Has a child read `from` (borrowed) and pass it on: *to, a new fd, is a pipe with what came within
 * the limit, of which the last part may be cut. Who reads it waits no longer than that. Children
 * are not waited for: broker.c ignores SIGCHLD. */
int bounded_read(int from, unsigned limit_ms, int *to);
/* For a child that may never end: closes all but standard files and these. By the end of the rest
 * others know that the broker has ended. */
void bounded_keep_only(int a, int b);
