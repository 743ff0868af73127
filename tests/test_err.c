/* SPDX-License-Identifier: Apache-2.0 */
#include "common/err.h"

#include <errno.h>
#include <string.h>
#include "tests/unit.h"

static void first_reason_wins(void)
{
	struct err err = {0};
	CU_ASSERT_EQUAL(err_set(&err, -ENOENT, ERR_NO_PROCESS, "no process %d", 7), -ENOENT);
	CU_ASSERT_EQUAL(err_set(&err, -EIO, ERR_FAILED, "later"), -EIO);
	CU_ASSERT_STRING_EQUAL(err.msg, "no process 7");
	CU_ASSERT_EQUAL(err.status, ERR_NO_PROCESS);
	err_hint(&err, "first");
	err_hint(&err, "second");
	CU_ASSERT_STRING_EQUAL(err.hint, "first");
}

static void may_be_null_and_is_cut(void)
{
	CU_ASSERT_EQUAL(err_set(NULL, -EIO, ERR_FAILED, "x"), -EIO);
	err_hint(NULL, "x");
	struct err err = {0};
	char text[1000];
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	err_set(&err, -EIO, ERR_FAILED, "%s", text);
	CU_ASSERT_EQUAL(strlen(err.msg), sizeof(err.msg) - 1);
}

SUITE(err, {"the first reason wins", first_reason_wins},
      {"may be NULL, and is cut", may_be_null_and_is_cut});
