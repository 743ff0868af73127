/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/jsontext.h"

#include "common/escape.h"
#include "common/guard.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

struct jsontext jsontext_init(FILE *out)
{
	return (struct jsontext){.out = out};
}

static void quote(FILE *out, const char *text)
{
	putc_unlocked('"', out);
	for (const char *c = text; *c; c++) {
		if (*c == '"' || *c == '\\')
			putc_unlocked('\\', out);
		putc_unlocked(*c, out);
	}
	putc_unlocked('"', out);
}

/* Comma and key. Objects in an array begin lines, so that a diff or grep of the text is useful. */
static void begin(struct jsontext *json, const char *key, bool container)
{
	bool line = container && json->depth && json->is_array[json->depth];
	if (json->depth && json->not_first[json->depth])
		putc_unlocked(',', json->out);
	if (line)
		putc_unlocked('\n', json->out);
	json->not_first[json->depth] = true;
	if (key) {
		quote(json->out, key);
		putc_unlocked(':', json->out);
	}
}

void jsontext_open(struct jsontext *json, const char *key, char bracket)
{
	begin(json, key, true);
	putc_unlocked(bracket, json->out);
	json->depth++;
	json->is_array[json->depth] = bracket == '[';
	json->not_first[json->depth] = false;
}

void jsontext_close(struct jsontext *json)
{
	putc_unlocked(json->is_array[json->depth] ? ']' : '}', json->out);
	json->depth--;
	if (!json->depth)
		putc_unlocked('\n', json->out);
}

void jsontext_escaped(struct jsontext *json, const char *key, const char *text)
{
	begin(json, key, false);
	quote(json->out, text);
}

void jsontext_string(struct jsontext *json, const char *key, const char *text)
{
	guard_mem char *escaped = escape_new(text, strlen(text));
	jsontext_escaped(json, key, escaped);
}

void jsontext_int(struct jsontext *json, const char *key, int64_t value)
{
	begin(json, key, false);
	fprintf(json->out, "%" PRId64, value);
}

void jsontext_real(struct jsontext *json, const char *key, double value)
{
	begin(json, key, false);
	if (isfinite(value))
		fprintf(json->out, "%.10g", value);
	else
		fputs("null", json->out);
}

void jsontext_null(struct jsontext *json, const char *key)
{
	begin(json, key, false);
	fputs("null", json->out);
}
