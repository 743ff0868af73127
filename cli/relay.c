/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/relay.h"

#include <unistd.h>

#include "common/clock.h"
#include "common/guard.h"

enum {
	PREPARE_MS = 2000, /* before its turn, at most half of one */
	LOOK_MS = 60000,   /* the longest sleep: an int holds no ten years */
};

void relay_begin(struct relay *relay, int *go)
{
	(void)!write(*go, "g", 1); /* if it is gone, its exit says why */
	guard_close(go);
	relay->started_ms = 0;
	relay->go_ms = clock_now_ms();
}

void relay_on_started(struct relay *relay, int *started)
{
	char byte;
	if (read(*started, &byte, 1) == 1) {
		relay->started_ms = clock_now_ms();
		relay->latency_ms = relay->started_ms - relay->go_ms;
	}
	guard_close(started);
}

void relay_plan(const struct relay *relay, uint64_t period_ns, int64_t *prepare_ms,
		int64_t *begin_ms)
{
	int64_t period_ms = (int64_t)(period_ns / 1000000);
	int64_t lead_ms = period_ms / 2 < PREPARE_MS ? period_ms / 2 : PREPARE_MS;
	int64_t early_ms = relay->latency_ms < lead_ms ? relay->latency_ms : lead_ms;
	*begin_ms = relay->started_ms + period_ms - early_ms;
	*prepare_ms = *begin_ms - lead_ms;
}

int relay_timeout_ms(int64_t due_ms, int64_t now_ms)
{
	int64_t wait_ms = due_ms > now_ms ? due_ms - now_ms : 0;
	return wait_ms < LOOK_MS ? (int)wait_ms : LOOK_MS;
}
