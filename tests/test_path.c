/* SPDX-License-Identifier: Apache-2.0 */
#include "common/path.h"
#include "common/err.h"
#include "tests/unit.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static void finds_the_base(void)
{
	CU_ASSERT_STRING_EQUAL(path_base("/usr/lib/libc.so.6"), "libc.so.6");
	CU_ASSERT_STRING_EQUAL(path_base("libc.so.6"), "libc.so.6");
	CU_ASSERT_STRING_EQUAL(path_base("/node"), "node");
	CU_ASSERT_STRING_EQUAL(path_base(""), "");
	CU_ASSERT_STRING_EQUAL(path_base("/"), "/");
	CU_ASSERT_STRING_EQUAL(path_base("run/"), "run/");
}

static void compares_ends(void)
{
	CU_ASSERT_TRUE(path_has_suffix("a.json", ".json"));
	CU_ASSERT_FALSE(path_has_suffix(".json", ".json"));
	CU_ASSERT_FALSE(path_has_suffix("son", ".json"));
	CU_ASSERT_FALSE(path_has_suffix("a.json.gz", ".json"));
	CU_ASSERT_TRUE(path_has_prefix("[kernel.kallsyms]_text", "[kernel"));
	CU_ASSERT_TRUE(path_has_prefix("[kernel", "[kernel"));
	CU_ASSERT_FALSE(path_has_prefix("[ker", "[kernel"));
}

/* This program lies in the build tree, beside those that `make` built, or at least itself. */
static void finds_programs(void)
{
	char path[PATH_MAX];
	struct err err = {0};
	CU_ASSERT_EQUAL(path_find_program(path, "unit", &err), 0);
	CU_ASSERT_EQUAL(access(path, X_OK), 0);
	CU_ASSERT_EQUAL(path_find_program(path, "no-program-of-ours", &err), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "no-program-of-ours"));
}

SUITE(path, {"finds the base", finds_the_base}, {"compares ends", compares_ends},
      {"finds programs", finds_programs});
