/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which of many intervals are looked at closely, at a bounded cost: of one that took d ns, for
 * certain when d >= P, else with chance d / P. P is a CPU's own and rises, from the least that a
 * session wants, as walks exceed their budget. What is in force when an interval is seen decides
 * for it, whatever it does to P; so the sum of max(d, P) over those taken expects the sum of d over
 * all. */
#pragma once

#include "bpf/maps.h"

enum {
	PACE_WINDOW_NS = 10000000,
	PACE_WALKS = 20,	  /* a window: 2,000 a second a CPU */
	PACE_PERIOD_FIRST = 4096, /* above 0 */
};
#define PACE_PERIOD_MAX WAIT_PERIOD_NS_MAX
#define PACE_CHANCES (1ull << 32)

struct pace {
	__u64 window_ns; /* when it began */
	__u64 walks;	 /* in it */
	__u64 period_ns;
	__u64 random;
};

/* What the sessions with SESSION_OFF want. The broker's. */
struct waits_wanted waits_wanted = {};

/* What is in force now. A window of few walks halves it, and so does each that passed unseen. */
static __always_inline __u64 pace_period(struct pace *pace, __u64 now_ns)
{
	__u64 age = now_ns - pace->window_ns;
	if (age >= PACE_WINDOW_NS) {
		__u64 halvings = age / PACE_WINDOW_NS - (pace->walks > PACE_WALKS / 2);
		pace->period_ns >>= halvings < 63 ? halvings : 63;
		pace->window_ns = now_ns;
		pace->walks = 0;
	}
	if (pace->period_ns < waits_wanted.period_ns)
		pace->period_ns = waits_wanted.period_ns;
	return pace->period_ns;
}

static __always_inline void pace_walked(struct pace *pace)
{
	if (++pace->walks <= PACE_WALKS)
		return;
	pace->period_ns = pace->period_ns ? 2 * pace->period_ns : PACE_PERIOD_FIRST;
	if (pace->period_ns > PACE_PERIOD_MAX)
		pace->period_ns = PACE_PERIOD_MAX;
}

/* Below PACE_CHANCES: xorshift64 (Marsaglia), for a call of the kernel's costs more than all else
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
