/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/resources.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "cli/output.h"
#include "cli/resources_summary.h"
#include "common/err.h"
#include "common/info.pb-c.h"
#include "common/pprof.h"
#include "common/profile.h"
#include "tests/fixture_profile.h"
#include "tests/unit.h"

enum {
	READINGS = 40
};

/* Readings a second apart of one kind. */
static bool summary_of(const char *unit, bool adds_up, const uint64_t values[READINGS],
		       struct resources_summary *summary)
{
	uint64_t times[READINGS];
	for (int i = 0; i < READINGS; i++)
		times[i] = (uint64_t)(i + 1) * 1000000000;
	Probe__Resources resources = PROBE__RESOURCES__INIT;
	Probe__Resources__Series series = PROBE__RESOURCES__SERIES__INIT;
	resources.time_ns = times;
	resources.n_time_ns = READINGS;
	series.name = (char *)"rss";
	series.unit = (char *)unit;
	series.has_adds_up = series.adds_up = adds_up;
	series.value = (uint64_t *)values;
	series.n_value = READINGS;
	return resources_summary_of(&resources, &series, summary);
}

static void least_mean_most(void)
{
	uint64_t values[READINGS];
	struct resources_summary summary;
	for (int i = 0; i < READINGS; i++)
		values[i] = i == 7 ? 400000000 : 200000000;
	CU_ASSERT(summary_of("nanoseconds", true, values, &summary));
	CU_ASSERT_DOUBLE_EQUAL(summary.min, 2e8, 1);
	CU_ASSERT_DOUBLE_EQUAL(summary.max, 4e8, 1);
	CU_ASSERT_DOUBLE_EQUAL(summary.mean, 2.05e8, 1);
	CU_ASSERT_DOUBLE_EQUAL(summary.total, 8.2e9, 1);
	CU_ASSERT(!summary.grows);
}

static bool grows(uint64_t (*value)(int second))
{
	uint64_t values[READINGS];
	struct resources_summary summary;
	for (int i = 0; i < READINGS; i++)
		values[i] = value(i);
	CU_ASSERT(summary_of("bytes", false, values, &summary));
	return summary.grows;
}

static uint64_t leak(int i)
{
	return (100ull << 20) + (1ull << 20) * (uint64_t)i + (uint64_t)(i % 3) * 300000;
}

static uint64_t leak_with_spikes(int i)
{
	return leak(i) + (i % 10 == 9 ? 1ull << 30 : 0);
}

static uint64_t warming_up(int i)
{
	return (i < 8 ? 10ull * (uint64_t)i : 80ull) << 20;
}

static uint64_t sawtooth(int i)
{
	return (100ull + 5ull * (uint64_t)(i % 5)) << 20;
}

static uint64_t little(int i)
{
	return (100ull << 20) + 100000ull * (uint64_t)i;
}

static uint64_t shrinks(int i)
{
	return leak(READINGS - i);
}

static void what_grows_as_a_leak_does(void)
{
	CU_ASSERT(grows(leak));
	CU_ASSERT(grows(leak_with_spikes));
	CU_ASSERT(!grows(warming_up));
	CU_ASSERT(!grows(sawtooth));
	CU_ASSERT(!grows(little));
	CU_ASSERT(!grows(shrinks));
}

static void damaged_readings(void)
{
	uint64_t times[2] = {5, 5}, values[2] = {1, 2};
	Probe__Resources resources = PROBE__RESOURCES__INIT;
	Probe__Resources__Series series = PROBE__RESOURCES__SERIES__INIT;
	struct resources_summary summary;
	series.name = (char *)"cpu";
	series.unit = (char *)"nanoseconds";
	CU_ASSERT(!resources_summary_of(&resources, &series, &summary));
	resources.time_ns = times;
	resources.n_time_ns = 2;
	CU_ASSERT(!resources_summary_of(&resources, &series, &summary));
	series.value = values;
	series.n_value = 2;
	CU_ASSERT(!resources_summary_of(&resources, &series, &summary));
}

/* As the engine does: a zstd frame of the profile. */
static int pack(void *context, const void *data, size_t bytes)
{
	char packed[70000];
	size_t n = ZSTD_compress(packed, sizeof(packed), data, bytes, 1);
	return ZSTD_isError(n) ? -EIO : output_profile_add(context, packed, n);
}

/* The readings of this process, in a profile that had an info message already. */
static void a_profile_gets_them(void)
{
	struct resources resources = {0};
	uint32_t pid = (uint32_t)getpid();
	resources_begin(&resources, &pid, 1, true);
	resources.next_ns = resources.began_ns; /* it is due */
	CU_ASSERT_EQUAL(resources_due_ms(&resources), 0);
	CU_ASSERT(resources_tick(&resources));
	CU_ASSERT(resources_due_ms(&resources) > 0);
	CU_ASSERT(!resources_tick(&resources));
	resources_end(&resources);
	CU_ASSERT_EQUAL(resources.n, 1);
	struct profile *profile = fixture_profile_nginx(), *read = NULL;
	struct output_profile packed = {0};
	CU_ASSERT_EQUAL(pprof_write(profile, pack, &packed), 0);
	CU_ASSERT_EQUAL(resources_append(&resources, &packed), 0);
	CU_ASSERT_EQUAL(pprof_read_bytes(packed.zstd, packed.bytes, "both", &read, NULL), 0);
	CU_ASSERT_FATAL(read && read->info && read->info->n_resources == 1);
	CU_ASSERT_EQUAL(read->info->samples, profile->info->samples);
	CU_ASSERT_STRING_EQUAL(read->info->name, profile->info->name);
	const Probe__Resources *got = read->info->resources[0];
	CU_ASSERT_EQUAL(got->n_time_ns, 1);
	CU_ASSERT_EQUAL(got->n_series, USAGE_KINDS);
	CU_ASSERT_STRING_EQUAL(got->series[USAGE_RSS]->name, "rss");
	CU_ASSERT_EQUAL(got->series[USAGE_RSS]->value[0], resources.value[USAGE_RSS][0]);
	CU_ASSERT_EQUAL(profile_merge(profile, read, NULL), 0);
	CU_ASSERT_EQUAL(profile->info->n_resources, 1);
	CU_ASSERT_EQUAL(profile_merge(profile, read, NULL), 0);
	CU_ASSERT_EQUAL(profile->info->n_resources, 2);
	profile_free(read);
	profile_free(profile);
	output_profile_deinit(&packed);
	resources_deinit(&resources);
}

/* However long it takes: two become one, sums stay. */
static void readings_stay_few(void)
{
	struct resources resources = {0};
	uint32_t pid = (uint32_t)getpid();
	resources_begin(&resources, &pid, 1, false);
	uint32_t most = 0;
	for (int i = 0; i < 4000; i++) {
		resources.next_ns = resources.began_ns;
		CU_ASSERT(resources_tick(&resources));
		most = resources.n > most ? resources.n : most;
	}
	CU_ASSERT(most <= 3600 && resources.n < 3600 && resources.n > 2000);
	CU_ASSERT_EQUAL(resources.interval_ns, 2000000000);
	for (uint32_t i = 1; i < resources.n; i++)
		CU_ASSERT(resources.time_ns[i] > resources.time_ns[i - 1]);
	resources_deinit(&resources);
}

SUITE(resources, {"least, mean, most", least_mean_most},
      {"what grows as a leak does", what_grows_as_a_leak_does},
      {"damaged readings", damaged_readings}, {"a profile gets them", a_profile_gets_them},
      {"readings stay few", readings_stay_few});
