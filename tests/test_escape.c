/* SPDX-License-Identifier: Apache-2.0 */
#include "common/escape.h"
#include "tests/unit.h"

#include <stdlib.h>
#include <string.h>

static void becomes(const char *text, const char *expected)
{
	char *out = escape_new(text, strlen(text));
	CU_ASSERT_STRING_EQUAL(out, expected);
	free(out);
}

static void keeps_text(void)
{
	becomes("", "");
	becomes("std::map<int, char>::operator[](int&&) \\ ;",
		"std::map<int, char>::operator[](int&&) \\ ;");
	becomes("größe 名前 \U0001f525", "größe 名前 \U0001f525");
}

static void escapes_controls(void)
{
	becomes("a\033[31mb\nc\td\x7f", "a\\x1b[31mb\\x0ac\\x09d\\x7f");
	becomes("\xc2\x9b"
		"1m",
		"\\xc2\\x9b1m");
	becomes("\u202Eevil\u2066\u200f\u2028",
		"\\xe2\\x80\\xaeevil\\xe2\\x81\\xa6\\xe2\\x80\\x8f\\xe2\\x80\\xa8");
	char *out = escape_new("a\0b", 3);
	CU_ASSERT_STRING_EQUAL(out, "a\\x00b");
	free(out);
}

static void escapes_what_is_not_utf8(void)
{
	becomes("\xff\x80x", "\\xff\\x80x");
	becomes("\xc3", "\\xc3");
	becomes("\xc0\xaf", "\\xc0\\xaf");
	becomes("\xe0\x80\xaf", "\\xe0\\x80\\xaf");
	becomes("\xed\xa0\x80", "\\xed\\xa0\\x80");
	becomes("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
	becomes("\xe5\x90"
		"a",
		"\\xe5\\x90"
		"a");
}

static void cuts_between_characters(void)
{
	char out[8];
	CU_ASSERT_EQUAL(escape_text(out, sizeof(out), "abcdefghi", 9), 7);
	CU_ASSERT_STRING_EQUAL(out, "abcdefg");
	CU_ASSERT_EQUAL(escape_text(out, sizeof(out), "abcdef\u00e4", 8), 6);
	CU_ASSERT_STRING_EQUAL(out, "abcdef");
	CU_ASSERT_EQUAL(escape_text(out, sizeof(out), "abcd\n", 5), 4);
	CU_ASSERT_EQUAL(escape_text(out, 1, "a", 1), 0);
	CU_ASSERT_STRING_EQUAL(out, "");
	CU_ASSERT_EQUAL(escape_text(NULL, 0, "a", 1), 0);
}

SUITE(escape, {"keeps text", keeps_text}, {"escapes controls", escapes_controls},
      {"escapes what is not UTF-8", escapes_what_is_not_utf8},
      {"cuts between characters", cuts_between_characters});
