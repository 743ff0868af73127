/* SPDX-License-Identifier: Apache-2.0 */
/* What single threads use, or the whole machine does (proc(5)), in the terms of usage.h. Not known
 * of a thread: memory and open files, which are its process's. Of the machine: how many processes
 * it has, and which switches were waits; its "rss" is all memory that is not available. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct usage_reading;
struct usage_totals;

/* Of n threads; none: of the machine. Never NULL. */
struct usage_totals *usage_totals_new(const uint32_t *tids, size_t n);
void usage_totals_free(struct usage_totals *totals);
/* As usage_read(). What a thread used between the last reading and its end is not told. */
void usage_totals_read(struct usage_totals *totals, struct usage_reading *reading);
