/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/gaps.h"

#include <stdio.h>
#include <string.h>
#include "daemon/threads.h"
#include "tests/unit.h"

static const uint64_t SECOND = 1000000000, PERIOD = 10000000, START = 1000;
enum {
	CPUS = 2
};

static char said[400];

static void note(void *context, const char *what, const char *words)
{
	size_t used = strlen(said);
	snprintf(said + used, sizeof(said) - used, "%s: %s\n", what, words);
}

/* What is said of them. */
static const char *words_of(const struct gaps *gaps)
{
	said[0] = '\0';
	gaps_each(gaps, note, NULL);
	return said;
}

/* A look at `ns`, when the programs had run for so long in all. */
static void look(struct gaps *gaps, uint64_t ns, uint64_t ran_ns)
{
	gaps_on_runs(gaps, START + ns, CPUS * ran_ns / PERIOD, PERIOD, CPUS);
	gaps->looked_ns = START + ns;
}

static void knows_when_nothing_ran(void)
{
	struct gaps gaps = {0};
	look(&gaps, 0, 0);
	look(&gaps, SECOND, SECOND);
	look(&gaps, 4 * SECOND, 4 * SECOND); /* it was we who did not run */
	CU_ASSERT_EQUAL(gaps.n_still, 0);
	CU_ASSERT_STRING_EQUAL(words_of(&gaps), "");
	look(&gaps, 24 * SECOND, 4 * SECOND);
	CU_ASSERT_EQUAL(gaps.n_still, 1);
	CU_ASSERT_EQUAL(gaps.still_ns, 20 * SECOND);
	CU_ASSERT_EQUAL(gaps.still_firings, CPUS * 20 * SECOND / PERIOD);
	CU_ASSERT_EQUAL(gaps.resumed_ns, START + 24 * SECOND);
	CU_ASSERT_PTR_NOT_NULL(strstr(words_of(&gaps), "machine: stood still for 20.0 s"));
	look(&gaps, 30 * SECOND, 7 * SECOND); /* half of it: not all CPUs did */
	CU_ASSERT_EQUAL(gaps.n_still, 1);
	look(&gaps, 40 * SECOND, 8 * SECOND);
	CU_ASSERT_EQUAL(gaps.n_still, 2);
	CU_ASSERT_EQUAL(gaps.still_ns, 29 * SECOND);
	CU_ASSERT_EQUAL(gaps.resumed_ns, START + 39 * SECOND);
}

static struct sample_event sample_on(uint32_t cpu, uint64_t ns)
{
	return (struct sample_event){.time_ns = START + ns, .cpu = cpu};
}

static void finds_who_ran(void)
{
	struct gaps gaps = {0};
	struct thread before = {0}, ran = {0}, later = {0};
	look(&gaps, 0, 0);
	struct sample_event sample = sample_on(0, SECOND / 2);
	gaps_on_sample(&gaps, &sample, &before);
	look(&gaps, SECOND, SECOND);
	look(&gaps, 21 * SECOND, SECOND);
	sample = sample_on(0, SECOND); /* comes late */
	gaps_on_sample(&gaps, &sample, &before);
	sample = sample_on(0, 21 * SECOND + 1);
	gaps_on_sample(&gaps, &sample, &ran);
	sample = sample_on(1, 21 * SECOND + PERIOD); /* has moved */
	gaps_on_sample(&gaps, &sample, &ran);
	sample = sample_on(0, 21 * SECOND + PERIOD);
	gaps_on_sample(&gaps, &sample, &later);
	sample = sample_on(2, 22 * SECOND); /* nobody of ours had been there */
	gaps_on_sample(&gaps, &sample, &later);
	CU_ASSERT_EQUAL(before.still_ns, 0);
	CU_ASSERT_EQUAL(ran.still_ns, 20 * SECOND);
	CU_ASSERT_EQUAL(later.still_ns, 0);
	CU_ASSERT_EQUAL(gaps.threads_ns, 20 * SECOND);
}

static void knows_when_clocks_jump(void)
{
	struct gaps gaps = {0};
	struct gaps_clocks clocks = {SECOND, 5 * (int64_t)SECOND, 100 * (int64_t)SECOND};
	gaps_on_clocks(&gaps, &clocks);
	gaps.looked_ns = SECOND;
	clocks.boot_ns += 1000;
	clocks.day_ns -= 100000000; /* slewed */
	gaps_on_clocks(&gaps, &clocks);
	CU_ASSERT_STRING_EQUAL(words_of(&gaps), "");
	clocks.boot_ns += 20 * (int64_t)SECOND;
	gaps_on_clocks(&gaps, &clocks);
	CU_ASSERT_EQUAL(gaps.slept_ns, 20 * SECOND);
	CU_ASSERT_PTR_NOT_NULL(strstr(words_of(&gaps), "machine: slept for 20.0 s"));
	clocks.day_ns += 3600 * (int64_t)SECOND;
	gaps_on_clocks(&gaps, &clocks);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(words_of(&gaps), "clock: set 1 time meanwhile, by +3600.0 s"));
	clocks.day_ns -= 7200 * (int64_t)SECOND;
	gaps_on_clocks(&gaps, &clocks);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(words_of(&gaps), "clock: set 2 times meanwhile, by -3600.0 s"));
	CU_ASSERT_EQUAL(gaps.n_set, 2);
	CU_ASSERT_EQUAL(gaps.n_slept, 1);
}

SUITE(gaps, {"knows when nothing ran", knows_when_nothing_ran}, {"finds who ran", finds_who_ran},
      {"knows when clocks jump", knows_when_clocks_jump});
