/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which of many intervals are looked at closely, at a bounded cost: of one that took d ns, for
 * certain when d >= P, else with chance d / P. P is a CPU's own and rises, from the least that a
 * session wants, as walks exceed their budget. What is in force when an interval is seen decides
 * for it, whatever it does to P; so the sum of max(d, P) over those taken expects the sum of d over
 * all. */
#pragma once

#include "bpf/maps.h"

enum {
	PACE_WINDOW_NS = 100000000,	      /* of some walks, so that chance moves P little */
	PACE_SPENT_NS = PACE_WINDOW_NS / 320, /* of each on walks: 0.3 % of a CPU */
	PACE_WALKS_LEAST = 5,		      /* a window, whatever they cost: 50 a second */
	PACE_WALKS_MOST = 200,		      /* 2,000 a second */
	PACE_WALK_NS = 8000,		      /* what one costs before that was measured */
	PACE_WALK_NS_MOST = 65536,	      /* more is another's: an interrupt, a stolen CPU */
	PACE_PERIOD_FIRST = 4096,	      /* above 0 */
};
#define PACE_PERIOD_MAX WAIT_PERIOD_NS_MAX

struct pace {
	__u64 window_ns; /* when it began */
	__u32 walks;	 /* in it */
	__u32 walk_ns;	 /* what one costs, of late on average; 0: not known yet */
	__u64 period_ns;
	__u64 random;
};

/* What the sessions with SESSION_OFF want. The broker's. */
struct waits_wanted waits_wanted = {};

/* So many walks a window keep to the budget: where one takes an interrupt that a hypervisor must
 * deliver it costs several times what it does elsewhere. At low frequencies, and near a ceiling on
 * our cost, they are fewer, as ticks are. */
static __always_inline __u32 pace_walks(const struct pace *pace)
{
	__u32 n = PACE_SPENT_NS / (pace->walk_ns ? pace->walk_ns : PACE_WALK_NS);
	__u32 first = waits_wanted.first;
	struct session_config *config = bpf_map_lookup_elem(&sessions, &first);
	__u32 thin = config ? config->thin & 15 : 0;
	if (n < PACE_WALKS_LEAST)
		n = PACE_WALKS_LEAST;
	if (n > PACE_WALKS_MOST)
		n = PACE_WALKS_MOST;
	return n * waits_wanted.hz / WAIT_HZ >> thin;
}

/* What is in force now. A window of few walks halves it, and so does each that passed unseen. */
static __always_inline __u64 pace_period(struct pace *pace, __u64 now_ns)
{
	__u64 age = now_ns - pace->window_ns;
	if (age >= PACE_WINDOW_NS) {
		__u64 halvings = age / PACE_WINDOW_NS - (pace->walks > pace_walks(pace) / 2);
		pace->period_ns >>= halvings < 63 ? halvings : 63;
		pace->window_ns = now_ns;
		pace->walks = 0;
	}
	if (pace->period_ns < waits_wanted.period_ns)
		pace->period_ns = waits_wanted.period_ns;
	return pace->period_ns;
}

/* Each beyond the budget lengthens P by a fourth: small steps keep it within twice what the budget
 * needs, and a storm is still met within some thirty walks more. */
static __always_inline void pace_walked(struct pace *pace)
{
	if (++pace->walks <= pace_walks(pace))
		return;
	if (pace->period_ns < PACE_PERIOD_FIRST)
		pace->period_ns = PACE_PERIOD_FIRST;
	pace->period_ns += pace->period_ns / 4;
	if (pace->period_ns > PACE_PERIOD_MAX)
		pace->period_ns = PACE_PERIOD_MAX;
}

/* That took so long. Returns what of it counts. */
static __always_inline __u32 pace_cost(struct pace *pace, __u64 ns)
{
	__u32 cost = ns < PACE_WALK_NS_MOST ? ns + 1 : PACE_WALK_NS_MOST;
	__u32 before = pace->walk_ns ? pace->walk_ns : cost;
	pace->walk_ns = (7 * before + cost) / 8;
	return cost;
}

/* Below 2^32: xorshift64 (Marsaglia), for a call of the kernel's costs more than all else
 * here. */
static __always_inline __u64 pace_draw(struct pace *pace)
{
	__u64 x = pace->random;
	if (!x)
		x = (__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32() | 1;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	pace->random = x;
	return x >> 32;
}

static __always_inline bool pace_takes(__u64 drawn, __u64 off_ns, __u64 period_ns)
{
	return off_ns >= period_ns || drawn * period_ns >> 32 < off_ns;
}
