/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/gaps.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/clock.h"
#include "daemon/counters.h"
#include "daemon/sampler.h"
#include "daemon/session.h"

static const uint64_t SECOND_NS = 1000000000;
/* Looks are 100 ms apart; who comes so late was stopped, or the machine was. */
static const uint64_t LATE_NS = 1000000000;
/* A clock is slewed by less. */
static const int64_t JUMP_NS = 500000000;
/* After it stood still the timers of its CPUs fire at once. */
static const uint64_t SOON_NS = 500000000;

/* False: not within a millisecond, so that it would say nothing. */
static bool read_clocks(struct gaps_clocks *clocks)
{
	for (int i = 0; i < 3; i++) {
		uint64_t before = clock_now_ns();
		int64_t boot = (int64_t)clock_ns(CLOCK_BOOTTIME);
		int64_t day = (int64_t)clock_ns(CLOCK_REALTIME);
		clocks->now_ns = clock_now_ns();
		clocks->boot_ns = boot - (int64_t)clocks->now_ns;
		clocks->day_ns = day - boot;
		if (clocks->now_ns - before < 1000000)
			return true;
	}
	return false;
}

void gaps_on_clocks(struct gaps *gaps, const struct gaps_clocks *clocks)
{
	int64_t slept = clocks->boot_ns - gaps->boot_ns, set = clocks->day_ns - gaps->day_ns;
	if (gaps->looked_ns && slept > JUMP_NS) {
		gaps->n_slept++;
		gaps->slept_ns += (uint64_t)slept;
	}
	if (gaps->looked_ns && llabs(set) > JUMP_NS) {
		gaps->n_set++;
		gaps->set_ns += set;
	}
	gaps->boot_ns = clocks->boot_ns;
	gaps->day_ns = clocks->day_ns;
}

static void stood_still(struct gaps *gaps, uint64_t now_ns, uint64_t still_ns, uint64_t firings)
{
	gaps->n_still++;
	gaps->still_ns += still_ns;
	gaps->still_firings += firings;
	gaps->last_still_ns = still_ns;
	gaps->resumed_ns = gaps->looked_ns + still_ns;
	memset(gaps->resumed, 0, sizeof(gaps->resumed));
}

void gaps_on_runs(struct gaps *gaps, uint64_t now_ns, uint64_t runs, uint64_t period_ns,
		  uint32_t cpus)
{
	uint64_t late = gaps->looked_ns ? now_ns - gaps->looked_ns : 0;
	if (late > LATE_NS && cpus) {
		uint64_t ran = (runs - gaps->base_runs) * period_ns / cpus;
		uint64_t all = now_ns - gaps->base_ns;
		uint64_t still = all > ran ? all - ran : 0;
		if (still > late)
			still = late;
		if (still > late - late / 8 && still > 4 * period_ns)
			stood_still(gaps, now_ns, still, still / period_ns * cpus);
	}
	gaps->base_ns = now_ns;
	gaps->base_runs = runs;
}

/* Those that fire. */
static uint32_t count_cpus(const struct events *events)
{
	uint32_t n = 0;
	for (int i = 0; i < CPUS_MAX; i++)
		n += events->event[i] >= 0 && (events->online[i / 64] >> i % 64 & 1);
	return n;
}

void gaps_look(struct session *session)
{
	struct gaps *gaps = &session->gaps;
	struct gaps_clocks clocks;
	if (!read_clocks(&clocks))
		return;
	gaps_on_clocks(gaps, &clocks);
	bool late = clocks.now_ns - gaps->looked_ns > LATE_NS;
	if (session_samples(session) && session_is_timed(session) &&
	    (late || clocks.now_ns - gaps->base_ns > SECOND_NS)) {
		struct counters_sum sum;
		counters_read(session->sampler->counters, session->slot, &sum);
		gaps_on_runs(gaps, clocks.now_ns, sum.ticks.runs, session->period_ns,
			     count_cpus(&session->events));
	}
	gaps->looked_ns = clocks.now_ns;
}

void gaps_on_sample(struct gaps *gaps, const struct sample_event *sample, struct thread *thread)
{
	if (!gaps->resumed_ns || sample->time_ns < gaps->resumed_ns ||
	    sample->time_ns > gaps->resumed_ns + SOON_NS || sample->cpu >= CPUS_MAX)
		return;
	uint64_t *word = &gaps->resumed[sample->cpu / 64], bit = 1ull << sample->cpu % 64;
	bool first = !(*word & bit) && thread->still_in != gaps->n_still;
	*word |= bit;
	if (!first) /* it may have moved to another CPU since */
		return;
	thread->still_in = gaps->n_still;
	thread->still_ns += gaps->last_still_ns;
	gaps->threads_ns += gaps->last_still_ns;
}

void gaps_each(const struct gaps *gaps,
	       void (*each)(void *context, const char *what, const char *words), void *context)
{
	char text[160];
	snprintf(
		text, sizeof(text),
		"stood still for %.1f s, paused from outside: no samples are of that time, and who "
		"was on a CPU has it as stolen",
		(double)gaps->still_ns / 1e9);
	if (gaps->n_still)
		each(context, "machine", text);
	snprintf(text, sizeof(text), "slept for %.1f s, which are in none of the times",
		 (double)gaps->slept_ns / 1e9);
	if (gaps->n_slept)
		each(context, "machine", text);
	snprintf(text, sizeof(text),
		 "set %u time%s meanwhile, by %+.1f s in all: only the time of the start is by it, "
		 "as it was then",
		 gaps->n_set, gaps->n_set == 1 ? "" : "s", (double)gaps->set_ns / 1e9);
	if (gaps->n_set)
		each(context, "clock", text);
}
