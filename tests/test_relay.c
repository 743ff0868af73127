/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/relay.h"
#include "common/guard.h"
#include "tests/unit.h"

#include <limits.h>

#define S_NS 1000000000ull

static void plans(void)
{
	const struct {
		int64_t latency_ms;
		uint64_t period_ns;
		int64_t prepare_ms, begin_ms; /* after started_ms */
	} cases[] = {
		{0, 10 * S_NS, 8000, 10000},
		{300, 10 * S_NS, 7700, 9700},
		{300, S_NS, 200, 700}, /* half of a short one */
		{9000, S_NS, 0, 500},  /* never more than that before */
		{0, INT64_MAX, INT64_MAX / 1000000 - 2000, INT64_MAX / 1000000},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct relay relay = {.started_ms = 5000, .latency_ms = cases[i].latency_ms};
		int64_t prepare_ms, begin_ms;
		relay_plan(&relay, cases[i].period_ns, &prepare_ms, &begin_ms);
		CU_ASSERT_EQUAL(prepare_ms, 5000 + cases[i].prepare_ms);
		CU_ASSERT_EQUAL(begin_ms, 5000 + cases[i].begin_ms);
	}
	CU_ASSERT_EQUAL(relay_timeout_ms(1500, 1000), 500);
	CU_ASSERT_EQUAL(relay_timeout_ms(1000, 1500), 0);
	CU_ASSERT_EQUAL(relay_timeout_ms(INT64_MAX, 1), 60000);
}

static void hands_over(void)
{
	struct relay relay = {.started_ms = 7};
	int go[2], started[2];
	char byte = 0;
	CU_ASSERT_EQUAL_FATAL(pipe(go), 0);
	CU_ASSERT_EQUAL_FATAL(pipe(started), 0);
	relay_begin(&relay, &go[1]);
	CU_ASSERT_EQUAL(go[1], -1);
	CU_ASSERT_EQUAL(relay.started_ms, 0);
	CU_ASSERT(read(go[0], &byte, 1) == 1 && byte == 'g');
	CU_ASSERT_EQUAL(write(started[1], "s", 1), 1);
	relay_on_started(&relay, &started[0]);
	CU_ASSERT_EQUAL(started[0], -1);
	CU_ASSERT_EQUAL(relay.latency_ms, relay.started_ms - relay.go_ms);
	/* One that ended without a sample tells nothing. */
	guard_close(&started[1]);
	CU_ASSERT_EQUAL_FATAL(pipe(started), 0);
	guard_close(&started[1]);
	relay.started_ms = 0;
	relay_on_started(&relay, &started[0]);
	CU_ASSERT_EQUAL(relay.started_ms, 0);
	guard_close(&go[0]);
}

SUITE(relay, {"plans", plans}, {"hands over", hands_over});
