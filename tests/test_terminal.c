/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/terminal.h"

#include "cli/input.h"
#include "cli/table.h"
#include "common/err.h"
#include "common/profile.h"
#include "tests/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Whatever the locale: one column a character that is not wide. */
static void counts_columns(void)
{
	CU_ASSERT_EQUAL(terminal_columns_of(""), 0);
	CU_ASSERT_EQUAL(terminal_columns_of("abc"), 3);
	CU_ASSERT_EQUAL(terminal_columns_of("a\u00e9b"), 3);
	CU_ASSERT_EQUAL(terminal_cut("abc", 2), 2);
	CU_ASSERT_EQUAL(terminal_cut("a\u00e9b", 2), 3); /* not inside a character */
	CU_ASSERT_EQUAL(terminal_cut("abc", 9), 3);
}

static void reads_colour(void)
{
	enum terminal_colour colour = TERMINAL_AUTO;
	CU_ASSERT_EQUAL(terminal_parse_colour("never", &colour), 0);
	CU_ASSERT_EQUAL(colour, TERMINAL_NEVER);
	CU_ASSERT_FALSE(terminal_has_colour(colour));
	CU_ASSERT_EQUAL(terminal_parse_colour("always", &colour), 0);
	CU_ASSERT(terminal_has_colour(colour));
	CU_ASSERT_EQUAL(terminal_parse_colour("red", &colour), -EINVAL);
}

static char *table_text(size_t width, bool colour)
{
	static const struct table_column columns[] = {
		{"N", TABLE_RIGHT}, {"NAME", TABLE_FLEXIBLE}, {"MODULE", 0}};
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	struct table *table = table_new(columns, 3);
	table_add(table, (const char *const[]){"1", "a name that is rather long", "app"});
	table_add(table, (const char *const[]){"1,234", "\u00e9t\u00e9", ""});
	table_highlight(table);
	table_print(table, out, width, colour);
	table_free(table);
	fclose(out);
	return text;
}

static void table_fits(void)
{
	char *text = table_text(0, true);
	CU_ASSERT_STRING_EQUAL(text, "    N  NAME                        MODULE\n"
				     "    1  a name that is rather long  app\n"
				     "\033[1;31m1,234  \u00e9t\u00e9\033[0m\n");
	free(text);
	text = table_text(30, false);
	CU_ASSERT_STRING_EQUAL(text, "    N  NAME             MODULE\n"
				     "    1  a name that i..  app\n"
				     "1,234  \u00e9t\u00e9\n");
	free(text);
	/* Too narrow for all of it: the last columns are cut, no line is longer. */
	text = table_text(20, false);
	for (const char *line = text; *line; line = strchr(line, '\n') + 1)
		CU_ASSERT((size_t)(strchr(line, '\n') - line) <= 22);
	free(text);
}

static void input_words(void)
{
	struct input input = {0};
	struct err err = {0};
	struct profile *profile = NULL;
	CU_ASSERT(input_take_option(&input, 'p', "1"));
	CU_ASSERT_FALSE(input_take_option(&input, 'o', "x"));
	CU_ASSERT_EQUAL(input_take_word(&input, "10s", &err), 0);
	CU_ASSERT_STRING_EQUAL(input.duration, "10s");
	CU_ASSERT_EQUAL(input_take_word(&input, "a.pb.gz", &err), 0);
	CU_ASSERT_EQUAL(input_take_word(&input, "b.pb.gz", &err), -EINVAL);
	CU_ASSERT_STRING_EQUAL(err.msg, "one file at a time: a.pb.gz, b.pb.gz");
	err = (struct err){0};
	CU_ASSERT_EQUAL(input_open(&input, NULL, NULL, &profile, &err), -EINVAL);
	CU_ASSERT_EQUAL(err.status, ERR_USAGE);
	struct input late = {.duration = "10s"};
	err = (struct err){0};
	CU_ASSERT_EQUAL(input_open(&late, NULL, NULL, &profile, &err), -EINVAL);
	CU_ASSERT_STRING_EQUAL(err.msg, "10s belongs to a recording: -p PID is missing");
	struct input missing = {.file = "/nonexistent/x.pb.gz"};
	err = (struct err){0};
	CU_ASSERT_EQUAL(input_open(&missing, NULL, NULL, &profile, &err), -ENOENT);
	CU_ASSERT_EQUAL(err.status, ERR_FAILED);
}

SUITE(terminal, {"counts columns", counts_columns}, {"reads colour", reads_colour},
      {"table fits", table_fits}, {"input's words", input_words});
