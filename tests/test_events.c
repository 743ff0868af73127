/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/events.h"

#include "tests/unit.h"

static void reads_lists_of_cpus(void)
{
	events_cpus cpus;
	events_parse_cpus("0-1\n", cpus);
	CU_ASSERT_EQUAL(cpus[0], 3);
	events_parse_cpus("0,2-3,64,255\n", cpus);
	CU_ASSERT_EQUAL(cpus[0], 0xd);
	CU_ASSERT_EQUAL(cpus[1], 1);
	CU_ASSERT_EQUAL(cpus[3], 1ull << 63);
	events_parse_cpus("250-99999999999\n", cpus);
	CU_ASSERT_EQUAL(cpus[3], 0x3full << 58);
	events_parse_cpus("", cpus);
	CU_ASSERT_EQUAL(cpus[0] | cpus[1] | cpus[2] | cpus[3], 0);
	events_parse_cpus("5-3,x", cpus);
	CU_ASSERT_EQUAL(cpus[0], 0);
}

SUITE(events, {"reads lists of CPUs", reads_lists_of_cpus});
