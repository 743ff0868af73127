/* SPDX-License-Identifier: Apache-2.0 */
/* How much of a profile has names, and what is known by an address only: of its samples (of waits,
 * where there are none), by the innermost function of the program, or of the kernel where it has
 * none. */
#pragma once

#include <stdio.h>

struct jsontext;
struct profile;

/* A line, where what has no name is much. */
void report_names_print(FILE *out, const struct profile *profile);
/* Members of an open object. */
void report_names_json(struct jsontext *json, const struct profile *profile);
