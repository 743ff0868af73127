/* SPDX-License-Identifier: Apache-2.0 */
/* What stands above every view: what was recorded, for how long, and what was lost. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct jsontext;
struct profile;

/* Lines of text. `file`: its name, at the right end of the first line; `width` 0: not a terminal.
 */
void report_head_print(FILE *out, const struct profile *profile, const char *file, size_t width);
/* Members "profile": {…} of an open object. */
void report_head_json(struct jsontext *json, const struct profile *profile, const char *file);
/* An array of types and units, in the order of the columns. */
void report_head_json_types(struct jsontext *json, const char *key, const struct profile *profile);
/* What the target is called: never empty; escaped; new. */
char *report_head_name(const struct profile *profile);
