/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/counters.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/err.h"
#include "common/guard.h"
#include "tests/unit.h"

static void *map_memory(const char *name, size_t bytes, int *fd)
{
	*fd = memfd_create(name, MFD_CLOEXEC);
	CU_ASSERT_EQUAL(ftruncate(*fd, (off_t)bytes), 0);
	return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
}

static void sums_cpus_and_takes_the_start_off(void)
{
	int rows_fd guard_fd = -1;
	int ticks_fd guard_fd = -1;
	size_t rows_bytes = CPUS_MAX * sizeof(struct cpu_counters);
	size_t ticks_bytes = SESSIONS_MAX * CPUS_MAX * sizeof(struct ticks);
	struct cpu_counters *rows = map_memory("rows", rows_bytes, &rows_fd);
	struct ticks *ticks = map_memory("ticks", ticks_bytes, &ticks_fd);
	struct counters *counters;
	CU_ASSERT_EQUAL(counters_open(&counters, rows_fd, ticks_fd, NULL), 0);

	struct counters_sum start, sum;
	rows[0].counter[COUNTER_FILTER_FULL] = 5;
	ticks[2 * CPUS_MAX].runs = 100;
	ticks[3 * CPUS_MAX].runs = 1000; /* another session */
	counters_read(counters, 2, &start);
	CU_ASSERT_EQUAL(start.ticks.runs, 100);
	CU_ASSERT_EQUAL(start.counter[COUNTER_FILTER_FULL], 5);

	rows[0].counter[COUNTER_FILTER_FULL] += 1;
	rows[CPUS_MAX - 1].counter[COUNTER_FILTER_FULL] += 2;
	rows[CPUS_MAX - 1].walk_end[WALK_BUDGET] += 4;
	ticks[2 * CPUS_MAX].runs += 7;
	ticks[2 * CPUS_MAX + CPUS_MAX - 1].runs += 8;
	ticks[2 * CPUS_MAX + CPUS_MAX - 1].lost_ring += 9;
	counters_since(counters, 2, &start, &sum);
	CU_ASSERT_EQUAL(sum.ticks.runs, 15);
	CU_ASSERT_EQUAL(sum.ticks.lost_ring, 9);
	CU_ASSERT_EQUAL(sum.counter[COUNTER_FILTER_FULL], 3);
	CU_ASSERT_EQUAL(sum.walk_end[WALK_BUDGET], 4);

	counters_close(counters);
	munmap(rows, rows_bytes);
	munmap(ticks, ticks_bytes);
}

static void refuses_what_is_no_map(void)
{
	struct counters *counters = NULL;
	struct err err = {0};
	CU_ASSERT_EQUAL(counters_open(&counters, -1, -1, &err), -EBADF);
	CU_ASSERT(err_is_set(&err));
	CU_ASSERT_PTR_NULL(counters);
}

static uint64_t total(const struct counters_item items[COUNTERS_FIRINGS])
{
	uint64_t sum = 0;
	for (int i = 0; i < COUNTERS_FIRINGS; i++)
		sum += items[i].value;
	return sum;
}

static void accounts_for_every_firing(void)
{
	const struct ticks ticks = {.runs = 100,
				    .elsewhere = 38,
				    .thinned = 12,
				    .held = 3,
				    .sampled = 40,
				    .lost = 7,
				    .lost_ring = 5,
				    .lost_busy = 1};
	struct counters_item items[COUNTERS_FIRINGS];
	CU_ASSERT_EQUAL(counters_firings(&ticks, 110, items), 110);
	CU_ASSERT_EQUAL(total(items) + ticks.sampled, 110);
	CU_ASSERT_STRING_EQUAL(items[2].name, "thinned");
	CU_ASSERT_EQUAL(items[2].value, 12);
	CU_ASSERT_STRING_EQUAL(items[COUNTERS_FIRINGS - 1].name, "not_delivered");
	CU_ASSERT_EQUAL(items[COUNTERS_FIRINGS - 1].value, 10);
	CU_ASSERT_EQUAL(counters_firings(&ticks, 99, items), 100);
	CU_ASSERT_EQUAL(total(items) + ticks.sampled, 100);
}

static void names_everything(void)
{
	for (unsigned i = 0; i < COUNTERS; i++)
		CU_ASSERT_STRING_NOT_EQUAL(counters_name(i), "?");
	for (unsigned i = 0; i < WALK_ENDS; i++)
		CU_ASSERT_STRING_NOT_EQUAL(counters_end_name(i), "?");
	CU_ASSERT_STRING_EQUAL(counters_name(COUNTERS), "?");
	CU_ASSERT_STRING_EQUAL(counters_end_name(WALK_ENDS), "?");
}

SUITE(counters, {"sums CPUs and takes the start off", sums_cpus_and_takes_the_start_off},
      {"refuses what is no map", refuses_what_is_no_map},
      {"accounts for every firing", accounts_for_every_firing},
      {"names everything", names_everything});
