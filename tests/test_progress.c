/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <stdlib.h>
#include <string.h>

#include "common/protocol.pb-c.h"
#include "tests/unit.h"

static void counts(void)
{
	char text[PROGRESS_TEXT];
	CU_ASSERT_STRING_EQUAL(progress_count(text, 0), "0");
	CU_ASSERT_STRING_EQUAL(progress_count(text, 999), "999");
	CU_ASSERT_STRING_EQUAL(progress_count(text, 1204), "1,204");
	CU_ASSERT_STRING_EQUAL(progress_count(text, 1000000), "1,000,000");
	CU_ASSERT_STRING_EQUAL(progress_count(text, UINT64_MAX), "18,446,744,073,709,551,615");
}

static void sizes(void)
{
	char text[PROGRESS_TEXT];
	CU_ASSERT_STRING_EQUAL(progress_size(text, 0), "0 B");
	CU_ASSERT_STRING_EQUAL(progress_size(text, 999), "999 B");
	CU_ASSERT_STRING_EQUAL(progress_size(text, 1000), "1.0 kB");
	CU_ASSERT_STRING_EQUAL(progress_size(text, 61234), "61 kB");
	CU_ASSERT_STRING_EQUAL(progress_size(text, 999600), "1.0 MB");
	CU_ASSERT_STRING_EQUAL(progress_size(text, UINT64_MAX), "18446744074 GB");
}

static void durations(void)
{
	char text[PROGRESS_TEXT];
	const uint64_t second = 1000000000;
	CU_ASSERT_STRING_EQUAL(progress_duration(text, second / 2), "500ms");
	CU_ASSERT_STRING_EQUAL(progress_duration(text, second * 5 / 2), "2.5s");
	CU_ASSERT_STRING_EQUAL(progress_duration(text, second * 30), "30s");
	CU_ASSERT_STRING_EQUAL(progress_duration(text, second * 90), "1m30s");
	CU_ASSERT_STRING_EQUAL(progress_duration(text, second * 5400), "1h30m");
	CU_ASSERT_STRING_EQUAL(progress_duration(text, second * 3601), "1h1s");
	CU_ASSERT_STRING_EQUAL(progress_duration(text, UINT64_MAX), "5124095h34m33s");
}

/* The line as a terminal gets it. */
static char *drawn(uint64_t duration_ns, const Probe__Progress *update)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	struct progress progress = {.out = out, .bar = true, .duration_ns = duration_ns};
	progress_update(&progress, update);
	fclose(out);
	return text;
}

static void bars(void)
{
	Probe__Progress update = PROBE__PROGRESS__INIT;
	update.has_elapsed_ns = update.has_samples = update.has_cpu = 1;
	update.elapsed_ns = 19900000000;
	update.samples = 1204;
	update.cpu = 0.64;
	char *text = drawn(30000000000, &update);
	CU_ASSERT_STRING_EQUAL(text,
			       "[#############.......] 19s/30s  1,204 samples  0 lost  cpu 64%");
	free(text);
	text = drawn(0, &update);
	CU_ASSERT_STRING_EQUAL(text, "19s  1,204 samples  0 lost  cpu 64%");
	free(text);
	update.has_waits = 1;
	update.waits = 12345;
	text = drawn(0, &update);
	CU_ASSERT_STRING_EQUAL(text, "19s  1,204 samples  0 lost  cpu 64%");
	free(text);
	update.samples = update.has_cpu = 0; /* of waits alone */
	text = drawn(0, &update);
	CU_ASSERT_STRING_EQUAL(text, "19s  12,345 waits  0 lost");
	free(text);
	update.elapsed_ns = UINT64_MAX; /* later than its end, and absurd */
	text = drawn(1500000000, &update);
	CU_ASSERT(!strncmp(text, "[####################] ", 23));
	free(text);
	update.has_phase = 1;
	update.phase = PROBE__PROGRESS__PHASE__NAMING;
	update.done = 3;
	update.all = 40;
	text = drawn(0, &update);
	CU_ASSERT_STRING_EQUAL(text, "naming: 3 of 40 objects");
	free(text);
}

static void no_bar(void)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	struct progress progress = {.out = out};
	const Probe__Progress update = PROBE__PROGRESS__INIT;
	progress_update(&progress, &update);
	progress_clear(&progress);
	fclose(out);
	CU_ASSERT_STRING_EQUAL(text, "");
	free(text);
}

/* The words when sampling begins. */
static char *started(int mode)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	struct progress progress = {.out = out};
	progress_started(&progress, &(struct progress_started){.name = "nginx",
							       .pid = 4242,
							       .processes = 3,
							       .threads = 8,
							       .hz = 99,
							       .mode = mode,
							       .for_ns = 30000000000});
	fclose(out);
	return text;
}

static void what_is_recorded(void)
{
	char *text = started(PROBE__RECORD__MODE__WALL);
	CU_ASSERT_STRING_EQUAL(text, "Profiling nginx (4242), 3 processes, 8 threads: cpu at 99 Hz "
				     "and off-cpu, for 30s. Ctrl-C stops early and keeps the "
				     "data.\n");
	free(text);
	text = started(PROBE__RECORD__MODE__CPU);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "threads: cpu at 99 Hz, for 30s."));
	free(text);
	text = started(PROBE__RECORD__MODE__OFF);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "threads: off-cpu, for 30s."));
	free(text);
}

static void wrote(uint64_t samples, const uint64_t *waits, const char *numbers)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	struct progress progress = {.out = out};
	Probe__Finished finished = PROBE__FINISHED__INIT;
	finished.samples = samples;
	finished.stacks = 412;
	finished.has_waits = waits != NULL;
	finished.waits = waits ? *waits : 0;
	progress_wrote(&progress, &finished, "x.json", 0, NULL, false);
	fclose(out);
	char expected[100];
	snprintf(expected, sizeof(expected), "Wrote x.json  %s, 412 stacks, 0 lost\n", numbers);
	CU_ASSERT_STRING_EQUAL(text, expected);
	free(text);
}

static void what_was_written(void)
{
	wrote(1901, NULL, "1,901 samples");
	wrote(1901, &(uint64_t){20000}, "1,901 samples");
	wrote(0, &(uint64_t){0}, "0 samples, 0 waits");
	wrote(0, &(uint64_t){1}, "0 samples, 1 wait");
	wrote(0, &(uint64_t){20000}, "0 samples, 20,000 waits");
}

/* The text of a recording with that share of names. */
static char *wrote_with_names(double named, const char *hint)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	struct progress progress = {.out = out};
	Probe__Finished finished = PROBE__FINISHED__INIT;
	finished.samples = finished.stacks = 2;
	finished.has_named = 1;
	finished.named = named;
	finished.nameless = (char *)"/usr/lib/lib\033.so.5";
	progress_wrote(&progress, &finished, "x.json", 0, hint, false);
	fclose(out);
	return text;
}

static void what_has_no_name(void)
{
	char *text = wrote_with_names(0.95, NULL);
	CU_ASSERT_STRING_EQUAL(text, "Wrote x.json  2 samples, 2 stacks, 0 lost, 95.0% named\n");
	free(text);
	text = wrote_with_names(0.064, "install it");
	CU_ASSERT_STRING_EQUAL(text, "Wrote x.json  2 samples, 2 stacks, 0 lost, 6.4% named, "
				     "93.6% by address only\nlib\\x1b.so.5: -> install it\n");
	free(text);
}

SUITE(progress, {"counts", counts}, {"sizes", sizes}, {"durations", durations}, {"bars", bars},
      {"no bar", no_bar}, {"what is recorded", what_is_recorded},
      {"what was written", what_was_written}, {"what has no name", what_has_no_name});
