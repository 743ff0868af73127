/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/thrift.h"

#include "bpf/types.h"
#include "common/clock.h"
#include "daemon/asker.h"
#include "daemon/counters.h"
#include "daemon/sampler.h"
#include "daemon/session.h"

enum {
	/* The tables of a new target take a fraction of a second. */
	LOOK_NS = 2000000000,
	/* Of the ceiling, in percent: fewer above, more below, which is less than half. */
	NEAR = 90,
	FAR = 40,
};

uint32_t thrift_step(uint32_t thin, uint64_t spent_ns, uint64_t lasted_ns, uint32_t percent)
{
	uint64_t allowed_ns = lasted_ns / 100 * percent;
	if (spent_ns > allowed_ns / 100 * NEAR)
		return thin < THIN_MAX ? thin + 1 : thin;
	return thin && spent_ns < allowed_ns / 100 * FAR ? thin - 1 : thin;
}

/* 0: there is none. */
static uint32_t ceiling(const struct sampler *sampler)
{
	uint32_t percent = 0;
	for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
		const struct session *session = sampler->sessions[i];
		if (session && session->rights.overhead_percent &&
		    (!percent || session->rights.overhead_percent < percent))
			percent = session->rights.overhead_percent;
	}
	return percent;
}

static uint64_t read_spent(struct sampler *sampler)
{
	struct counters_sum sum;
	uint64_t broker_ns = 0;
	counters_read(sampler->counters, SESSIONS_MAX, &sum);
	asker_ping(sampler->asker, &broker_ns, NULL);
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID) + broker_ns + sum.spent_ns;
}

static void set(struct sampler *sampler, uint32_t thin)
{
	sampler->thin = thin;
	for (uint32_t i = 0; i < SESSIONS_MAX; i++)
		if (sampler->sessions[i])
			sampler->configs[i].thin = thin;
}

void thrift_look(struct thrift *thrift, struct sampler *sampler)
{
	uint64_t now_ns = clock_now_ns(), lasted_ns = now_ns - thrift->looked_ns;
	uint32_t percent = ceiling(sampler);
	if (!percent) {
		if (thrift->thin) /* who had a ceiling is gone */
			set(sampler, 0);
		*thrift = (struct thrift){0};
		return;
	}
	if (thrift->looked_ns && lasted_ns < LOOK_NS)
		return;
	uint64_t spent_ns = read_spent(sampler);
	if (thrift->looked_ns)
		thrift->thin =
			thrift_step(thrift->thin, spent_ns - thrift->spent_ns, lasted_ns, percent);
	set(sampler, thrift->thin);
	thrift->looked_ns = now_ns;
	thrift->spent_ns = spent_ns;
}
