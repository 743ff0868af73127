/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/jsontext.h"

#include "common/escape.h"
#include "common/guard.h"

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
		if (*c == '<') { /* the JSON may stand in a script element of HTML */
			fputs_unlocked("\\u003c", out);
			continue;
		}
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
	char digits[24], *at = digits + sizeof(digits);
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	do
		*--at = (char)('0' + rest % 10);
	while (rest /= 10);
	if (value < 0)
		*--at = '-';
	begin(json, key, false);
	fwrite_unlocked(at, 1, (size_t)(digits + sizeof(digits) - at), json->out);
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
