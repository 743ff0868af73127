/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/events.h"

#include <unistd.h>

#include "common/clock.h"
#include "daemon/counters.h"
#include "tests/serving.h"
#include "tests/unit.h"

#define guard_counters guard(free_counters)
static void free_counters(struct counters **counters)
{
	counters_close(*counters);
}

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

/* An event that could not be opened when its CPU came is not missing for the rest of a recording.
 */
static void tries_again(void)
{
	struct serving serving guard_serving = serving_start(-1);
	struct asker *asker guard_asker = asker_new(serving.socket);
	struct counters *counters guard_counters = NULL;
	struct asker_rights rights = {.everything = true};
	struct events events;
	int fds[LOAD_FDS];
	serving.socket = -1;
	CU_ASSERT_EQUAL_FATAL(asker_load(asker, fds, NULL, NULL), 0);
	CU_ASSERT_EQUAL(counters_open(&counters, fds[LOAD_COUNTERS], fds[LOAD_TICKS], NULL), 0);
	CU_ASSERT_EQUAL_FATAL(asker_session(asker, 0, serving.client, &rights, NULL), 0);
	events_init(&events);
	CU_ASSERT_EQUAL_FATAL(events_open(&events, asker, 0, 100000000, NULL, 0, NULL), 0);
	events_enable(&events);
	int cpu = 0;
	while (events.event[cpu] < 0)
		cpu++;
	CU_ASSERT_EQUAL(events_follow(&events, counters, clock_now_ns()), 0);
	CU_ASSERT_EQUAL(events.n_gaps, 0);
	close(events.event[cpu]);
	close(events.link[cpu]);
	events.event[cpu] = events.link[cpu] = -1;
	uint64_t then = clock_now_ns();
	CU_ASSERT_EQUAL(events_follow(&events, counters, then), 0); /* no CPU has come */
	CU_ASSERT(events.event[cpu] >= 0);
	CU_ASSERT_EQUAL(events.n_gaps, 1);
	CU_ASSERT_EQUAL(events_follow(&events, counters, clock_now_ns()), 0);
	CU_ASSERT_EQUAL(events.n_gaps, 1);
	/* One that was not there at the last look. */
	then = events.looked_ns;
	events.online[cpu / 64] &= ~(1ull << cpu % 64);
	CU_ASSERT_EQUAL(events_follow(&events, counters, clock_now_ns()), then);
	CU_ASSERT(events.event[cpu] >= 0);
	CU_ASSERT_EQUAL(events.n_gaps, 2);
	events_close(&events);
	for (int i = 0; i < LOAD_FDS; i++)
		close(fds[i]);
}

SUITE(events, {"reads lists of CPUs", reads_lists_of_cpus}, {"tries again", tries_again});
