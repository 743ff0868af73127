/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/resources.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "cli/output.h"
#include "common/clock.h"
#include "common/guard.h"
#include "common/info.pb-c.h"
#include "common/memory.h"
#include "common/pprof_info.h"

#define SECOND_NS 1000000000ull
#define SHORTEST_NS (SECOND_NS / 5) /* CPU time comes in ticks of 10 ms */

GUARD_DEFINE(resources_message, Probe__Resources *, resources_message_free)

enum {
	READINGS_MOST = 3600, /* an hour of seconds; 0.3 MB in the profile */
};

void resources_deinit(struct resources *resources)
{
	usage_free(resources->usage);
	usage_totals_free(resources->totals);
	free(resources->time_ns);
	for (int kind = 0; kind < USAGE_KINDS; kind++)
		free(resources->value[kind]);
	*resources = (struct resources){0};
}

static void read_usage(struct resources *resources, struct usage_reading *reading)
{
	if (resources->totals)
		usage_totals_read(resources->totals, reading);
	else
		usage_read(resources->usage, reading);
}

static void begin(struct resources *resources)
{
	struct usage_reading first;
	resources->time_ns = memory_new(READINGS_MOST, sizeof(uint64_t));
	resources->interval_ns = SECOND_NS;
	resources->known = (1u << USAGE_KINDS) - 1;
	for (int kind = 0; kind < USAGE_KINDS; kind++)
		resources->value[kind] = memory_new(READINGS_MOST, sizeof(uint64_t));
	read_usage(resources, &first);
	resources->known &= first.known;
	resources->began_ns = clock_now_ns();
	resources->next_ns = resources->began_ns + resources->interval_ns;
}

void resources_begin(struct resources *resources, const uint32_t *pids, size_t n, bool children)
{
	*resources = (struct resources){.usage = usage_new(pids, n, children)};
	begin(resources);
}

void resources_begin_totals(struct resources *resources, const uint32_t *tids, size_t n)
{
	*resources = (struct resources){.totals = usage_totals_new(tids, n)};
	begin(resources);
}

/* Of two readings what adds up is added; of what is there the larger stays, to be seen. */
static void halve(struct resources *resources)
{
	for (uint32_t i = 0; i < resources->n / 2; i++) {
		resources->time_ns[i] = resources->time_ns[2 * i + 1];
		for (int kind = 0; kind < USAGE_KINDS; kind++) {
			uint64_t *value = resources->value[kind];
			uint64_t a = value[2 * i], b = value[2 * i + 1];
			value[i] = usage_about[kind].adds_up ? a + b : a > b ? a : b;
		}
	}
	resources->n /= 2;
	resources->interval_ns *= 2;
}

static void take_reading(struct resources *resources)
{
	struct usage_reading reading;
	read_usage(resources, &reading);
	if (reading.ended) {
		resources->ended = true;
		return;
	}
	if (resources->n == READINGS_MOST)
		halve(resources);
	resources->known &= reading.known;
	resources->time_ns[resources->n] = clock_now_ns() - resources->began_ns;
	for (int kind = 0; kind < USAGE_KINDS; kind++)
		resources->value[kind][resources->n] = reading.value[kind];
	resources->n++;
}

int resources_due_ms(const struct resources *resources)
{
	if ((!resources->usage && !resources->totals) || resources->ended)
		return -1;
	uint64_t now = clock_now_ns();
	/* Rounded up: a wait that is too short would be followed by another. */
	return resources->next_ns > now ? (int)((resources->next_ns - now + 999999) / 1000000) : 0;
}

bool resources_tick(struct resources *resources)
{
	if (resources_due_ms(resources) != 0)
		return false;
	uint32_t before = resources->n;
	take_reading(resources);
	/* Readings that could not be taken in time are left out. */
	uint64_t now = clock_now_ns();
	while (resources->next_ns <= now)
		resources->next_ns += resources->interval_ns;
	return resources->n != before;
}

void resources_end(struct resources *resources)
{
	if (!resources->usage && !resources->totals)
		return;
	uint64_t last = resources->n ? resources->time_ns[resources->n - 1] : 0;
	if (!resources->ended && clock_now_ns() - resources->began_ns >= last + SHORTEST_NS)
		take_reading(resources);
	usage_free(resources->usage);
	usage_totals_free(resources->totals);
	resources->usage = NULL;
	resources->totals = NULL;
}

Probe__Resources *resources_message(const struct resources *resources)
{
	if (!resources->n)
		return NULL;
	Probe__Resources *message = memory_new(1, sizeof(*message));
	probe__resources__init(message);
	message->time_ns = resources->time_ns;
	message->n_time_ns = resources->n;
	message->series = memory_new(USAGE_KINDS, sizeof(*message->series));
	for (int kind = 0; kind < USAGE_KINDS; kind++) {
		Probe__Resources__Series *series = memory_new(1, sizeof(*series));
		probe__resources__series__init(series);
		series->name = (char *)usage_about[kind].name;
		series->unit = (char *)usage_about[kind].unit;
		series->adds_up = usage_about[kind].adds_up;
		series->has_adds_up = true;
		bool known = resources->known & 1u << kind;
		series->value = resources->value[kind];
		series->n_value = known ? resources->n : 0;
		message->series[message->n_series++] = series;
	}
	return message;
}

void resources_message_free(Probe__Resources *message)
{
	if (!message)
		return;
	for (size_t i = 0; i < message->n_series; i++)
		free(message->series[i]);
	free(message->series);
	free(message);
}

int resources_append(const struct resources *resources, struct output_profile *profile)
{
	Probe__Resources *message guard(guard_resources_message) = resources_message(resources);
	if (!message)
		return 0;
	Probe__Info info = PROBE__INFO__INIT;
	info.resources = &message;
	info.n_resources = 1;
	size_t bytes;
	uint8_t *plain guard_mem = pprof_info_pack(&info, &bytes);
	size_t room = ZSTD_compressBound(bytes);
	uint8_t *packed guard_mem = memory_new(room, 1);
	size_t n = ZSTD_compress(packed, room, plain, bytes, 3);
	return ZSTD_isError(n) ? -EIO : output_profile_add(profile, packed, n);
}
