/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/tracepoints.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "daemon/event_names.h"
#include "tests/unit.h"

/* tracefs need not be mounted where tests run: then that is what is said. */
static bool mounted(void)
{
	return !access("/sys/kernel/tracing/events", F_OK);
}

static void finds(void)
{
	uint64_t id = 0;
	struct err err = {0};
	int code = tracepoints_id("sched:sched_process_fork", &id, &err);
	CU_ASSERT_EQUAL(code, mounted() ? 0 : -ENOENT);
	CU_ASSERT_EQUAL(id > 0, mounted());
	CU_ASSERT_EQUAL(err_is_set(&err), !mounted());
}

static void refuses(void)
{
	static const struct {
		const char *name, *hint;
	} cases[] = {
		{"sched:sched_process_frok", "did you mean sched:sched_process_fork?"},
		{"shced:sched_switch", "did you mean sched:sched_switch?"},
		{"sched:../../../../../etc/passwd", "SYSTEM:NAME, as "},
		{"../tracing/events/sched:sched_switch", "SYSTEM:NAME, as "},
		{":", "SYSTEM:NAME, as "},
		{"sched:", "SYSTEM:NAME, as "},
		{"a:b:c", "SYSTEM:NAME, as "},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t id = 7;
		struct err err = {0};
		CU_ASSERT_EQUAL(tracepoints_id(cases[i].name, &id, &err), -ENOENT);
		CU_ASSERT_EQUAL(id, 7);
		CU_ASSERT_EQUAL(err.status, mounted() ? ERR_USAGE : ERR_FAILED);
		CU_ASSERT(!mounted() || !strncmp(err.hint, cases[i].hint, strlen(cases[i].hint)));
	}
}

static void are_told_from_other_events(void)
{
	CU_ASSERT_EQUAL(event_names_find("sched:sched_switch"), EVENT_TRACEPOINT);
	CU_ASSERT_EQUAL(event_names_find("cpu-clock"), EVENT_CPU_CLOCK);
	CU_ASSERT_EQUAL(event_names_find("sched_switch"), -1);
	char longest[EVENT_NAME_BYTES + 1];
	memset(longest, ':', EVENT_NAME_BYTES);
	longest[EVENT_NAME_BYTES] = '\0';
	CU_ASSERT_EQUAL(event_names_find(longest), -1);
}

SUITE(tracepoints, {"finds", finds}, {"refuses", refuses},
      {"are told from other events", are_told_from_other_events});
