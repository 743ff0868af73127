/* SPDX-License-Identifier: Apache-2.0 */
/* Where the time of all threads went, by the kernel's own account, and how much of it the rows tell
 * of: the report's second line. */
#pragma once

#include <stdio.h>

struct jsontext;
struct profile;

/* "thread time 240.0s: on-cpu 19.2s, stolen 0.1s, runnable 0.4s, blocked 220.3s (accounted
 * 100.0%)", and what does not fit together. Nothing where it is not known. */
void report_times_print(FILE *out, const struct profile *profile);
/* Member "thread_time" of an open object. */
void report_times_json(struct jsontext *json, const struct profile *profile);
