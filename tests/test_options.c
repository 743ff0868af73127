/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include "cli/commands.h"
#include "common/err.h"
#include "common/nearest.h"
#include "tests/unit.h"

#include <errno.h>
#include <string.h>

static const struct option table[] = {
	{"pid", 'p', "PID", "a process"},
	{"all", 'a', NULL, "everything"},
	{"call-graph", 0, "HOW", "walk"},
	{"comm", OPTIONS_LONG, "NAME", "by name"},
	{NULL},
};

static void reads_letters_and_names(void)
{
	char *argv[] = {"record", "-ap1", "-p",	   "2",	 "--comm=x", "--call",
			"dwarf",  "-",	  "sleep", "--", "-a"};
	struct options o = options_init("", table, 11, argv);
	struct err err = {0};
	CU_ASSERT_EQUAL(options_next(&o, &err), 'a');
	CU_ASSERT_EQUAL(options_next(&o, &err), 'p');
	CU_ASSERT_STRING_EQUAL(o.value, "1");
	CU_ASSERT_EQUAL(options_next(&o, &err), 'p');
	CU_ASSERT_STRING_EQUAL(o.value, "2");
	CU_ASSERT_EQUAL(options_next(&o, &err), OPTIONS_LONG);
	CU_ASSERT_STRING_EQUAL(o.value, "x");
	CU_ASSERT_EQUAL(options_next(&o, &err), OPTIONS_NAMED);
	CU_ASSERT_STRING_EQUAL(o.option->name, "call-graph");
	CU_ASSERT_STRING_EQUAL(o.value, "dwarf");
	CU_ASSERT_EQUAL(options_next(&o, &err), OPTIONS_WORD);
	CU_ASSERT_STRING_EQUAL(o.value, "-");
	CU_ASSERT_EQUAL(options_next(&o, &err), OPTIONS_WORD);
	CU_ASSERT_STRING_EQUAL(o.value, "sleep");
	CU_ASSERT_EQUAL(options_next(&o, &err), OPTIONS_DASHES);
	CU_ASSERT_EQUAL(options_next(&o, &err), OPTIONS_WORD);
	CU_ASSERT_STRING_EQUAL(o.value, "-a");
	CU_ASSERT_EQUAL(options_next(&o, &err), OPTIONS_END);
}

static void refuses(const char *argument, const char *msg, const char *hint)
{
	char *argv[] = {"record", (char *)argument};
	struct options o = options_init("", table, 2, argv);
	struct err err = {0};
	CU_ASSERT_EQUAL(options_next(&o, &err), -EINVAL);
	CU_ASSERT_EQUAL(err.status, ERR_USAGE);
	CU_ASSERT_STRING_EQUAL(err.msg, msg);
	CU_ASSERT_STRING_EQUAL(err.hint, hint);
}

static void refuses_what_is_unknown(void)
{
	refuses("--comn", "no option --comn", "did you mean --comm?");
	refuses("--xyzzy", "no option --xyzzy", "--help lists the options");
	refuses("-x", "no option -x", "`probe record --help` lists the options");
	refuses("-p", "-p needs a value: PID", "");
	refuses("--comm", "--comm needs a value: NAME", "");
	refuses("--all=1", "--all takes no value", "");
	refuses("--c=1", "--c begins more than one option", "");
}

static void finds_the_nearest_word(void)
{
	struct nearest near = nearest_init("reocrd");
	nearest_try(&near, "report");
	nearest_try(&near, "record");
	CU_ASSERT_STRING_EQUAL(near.best, "record");
	near = nearest_init("zzzzzz");
	nearest_try(&near, "record");
	CU_ASSERT_PTR_NULL(near.best);
}

static void finds_commands_by_prefix(void)
{
	struct err err = {0};
	const struct command *version = commands_find("vers", &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(version);
	CU_ASSERT_STRING_EQUAL(version->name, "version");
	CU_ASSERT_PTR_NULL(commands_find("verison", &err));
	CU_ASSERT_STRING_EQUAL(err.msg, "no command \"verison\"");
	CU_ASSERT_STRING_EQUAL(err.hint, "did you mean `probe version`?");
	CU_ASSERT_EQUAL(err.status, ERR_USAGE);
}

SUITE(options, {"reads letters and names", reads_letters_and_names},
      {"refuses what is unknown", refuses_what_is_unknown},
      {"finds the nearest word", finds_the_nearest_word},
      {"finds commands by prefix", finds_commands_by_prefix});
