/* SPDX-License-Identifier: Apache-2.0 */
/* JSON as a stream: nothing is held in memory, text is escaped (common/escape.h) so that every
 * consumer reads it. `key` is NULL inside an array. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
	JSONTEXT_DEPTH = 16
};

struct jsontext {
	FILE *out;
	int depth;
	bool is_array[JSONTEXT_DEPTH];
	bool not_first[JSONTEXT_DEPTH];
};

struct jsontext jsontext_init(FILE *out);
void jsontext_open(struct jsontext *json, const char *key, char bracket);
/* Closes the innermost; a line end after the outermost. */
void jsontext_close(struct jsontext *json);
void jsontext_string(struct jsontext *json, const char *key, const char *text);
/* Text that has been escaped: only what JSON itself needs is added. */
void jsontext_escaped(struct jsontext *json, const char *key, const char *text);
void jsontext_int(struct jsontext *json, const char *key, int64_t value);
/* Not finite: null. */
void jsontext_real(struct jsontext *json, const char *key, double value);
void jsontext_null(struct jsontext *json, const char *key);
