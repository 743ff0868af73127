/* SPDX-License-Identifier: Apache-2.0 */
#include "common/duration.h"
#include "tests/unit.h"

#include <errno.h>

static void is(const char *text, uint64_t expected_ns)
{
	uint64_t ns = 0;
	CU_ASSERT_EQUAL(duration_parse(text, true, &ns), 0);
	CU_ASSERT_EQUAL(ns, expected_ns);
}

static void fails(const char *text, bool unit_needed, int code)
{
	uint64_t ns = 42;
	CU_ASSERT_EQUAL(duration_parse(text, unit_needed, &ns), code);
	CU_ASSERT_EQUAL(ns, 42);
}

static void reads_durations(void)
{
	is("30s", 30000000000);
	is("2m", 120000000000);
	is("1h30m", 5400000000000);
	is("500ms", 500000000);
	is("1.5s", 1500000000);
	is(".25s", 250000000);
	is("1d", 86400000000000);
	is("10us", 10000);
	is("3ns", 3);
	is("0h5s", 5000000000);
}

static void takes_bare_seconds(void)
{
	uint64_t ns = 0;
	CU_ASSERT_EQUAL(duration_parse("30", false, &ns), 0);
	CU_ASSERT_EQUAL(ns, 30000000000);
	CU_ASSERT_EQUAL(duration_parse("0.5", false, &ns), 0);
	CU_ASSERT_EQUAL(ns, 500000000);
	fails("30", true, -EINVAL);
	fails("1m30", false, -EINVAL);
}

static void refuses(void)
{
	static const char *const words[] = {"",	    "s",    "sleep", ".s",   "30x",
					    "30 s", "s30",  "5s!",   "1m1h", "-",
					    "5s5s", "1e3s", "5S",    "1..5s"};
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		fails(words[i], false, -EINVAL);
	fails("0s", true, -ERANGE);
	fails("0", false, -ERANGE);
	fails("-5s", true, -ERANGE);
	fails("-5", false, -ERANGE);
	fails("0.4ns", true, -ERANGE);
	fails("4000d", true, -ERANGE);
	fails("99999999999999999999999999s", true, -ERANGE);
	fails("18446744073709551617s", true, -ERANGE);
	fails("3653d1h", true, -ERANGE);
}

SUITE(duration, {"reads durations", reads_durations}, {"takes bare seconds", takes_bare_seconds},
      {"refuses", refuses});
