/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/events.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysinfo.h>
#include <unistd.h>
#include "common/clock.h"
#include "common/err.h"
#include "common/guard.h"
#include "daemon/asker.h"
#include "daemon/counters.h"
#include "daemon/event_names.h"

/* Nothing fired on a CPU for so long, and four periods. */
static const uint64_t DEAD_NS = 2000000000;

void events_init(struct events *events)
{
	*events = (struct events){0};
	for (int i = 0; i < CPUS_MAX; i++)
		events->event[i] = events->link[i] = -1;
}

static bool has(const events_cpus cpus, unsigned cpu)
{
	return cpus[cpu / 64] >> cpu % 64 & 1;
}

static void add(events_cpus cpus, unsigned cpu)
{
	cpus[cpu / 64] |= 1ull << cpu % 64;
}

void events_parse_cpus(const char *text, events_cpus cpus)
{
	memset(cpus, 0, sizeof(events_cpus));
	while (*text >= '0' && *text <= '9') {
		char *end;
		unsigned long first = strtoul(text, &end, 10), last = first;
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		for (unsigned long i = first; i <= last && i < CPUS_MAX; i++)
			add(cpus, (unsigned)i);
		text = *end == ',' ? end + 1 : end;
	}
}

bool events_read_online(events_cpus cpus)
{
	char text[4096];
	FILE *file guard_file = fopen("/sys/devices/system/cpu/online", "re");
	if (!file || !fgets(text, sizeof(text), file))
		return false;
	events_parse_cpus(text, cpus);
	return true;
}

/* Those of `cpus`, which have none; returns how many, or negative errno. */
static int open_on(struct events *events, const events_cpus cpus, struct err *err)
{
	int event[CPUS_MAX], link[CPUS_MAX];
	struct broker_request wanted = {
		.session = events->session, .event = events->kind, .period_ns = events->period_ns};
	memcpy(wanted.cpus, cpus, sizeof(wanted.cpus));
	if (events->kind == EVENT_TRACEPOINT)
		snprintf(wanted.tracepoint, sizeof(wanted.tracepoint), "%s", events->tracepoint);
	int opened = asker_events(events->asker, &wanted, event, link, err);
	for (int i = 0; opened > 0 && i < CPUS_MAX; i++)
		if (event[i] >= 0) {
			events->event[i] = event[i];
			events->link[i] = link[i];
		}
	return opened;
}

/* The first of `cpus` that is on line stays. */
static void keep_first(events_cpus cpus, const events_cpus online)
{
	bool found = false;
	for (unsigned i = 0; i < CPUS_MAX; i++) {
		bool keep = !found && has(cpus, i) && has(online, i);
		if (!keep)
			cpus[i / 64] &= ~(1ull << i % 64);
		found |= keep;
	}
}

int events_open(struct events *events, struct asker *asker, uint32_t session, uint64_t period_ns,
		const uint32_t *cpus, size_t n, struct err *err)
{
	events->asker = asker;
	events->session = session;
	events->period_ns = period_ns;
	for (size_t i = 0; i < n; i++)
		add(events->wanted, cpus[i]);
	int all = get_nprocs_conf();
	for (int i = 0; !n && i < all && i < CPUS_MAX; i++)
		add(events->wanted, (unsigned)i);
	events_read_online(events->online);
	events->looked_ns = clock_now_ns();
	if (events->kind == EVENT_TRACEPOINT)
		keep_first(events->wanted, events->online);
	int opened = open_on(events, events->wanted, err);
	if (opened == 0)
		return err_set(err, -ENODEV, ERR_USAGE, "none of these CPUs is on line");
	return opened < 0 ? opened : 0;
}

void events_enable(struct events *events)
{
	for (int i = 0; i < CPUS_MAX; i++)
		if (events->event[i] >= 0)
			ioctl(events->event[i], PERF_EVENT_IOC_ENABLE, 0);
}

/* ns that it ran; 0 where it cannot be read. */
static uint64_t count_of(int event)
{
	uint64_t count;
	return read(event, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static void close_one(struct events *events, int cpu)
{
	if (events->event[cpu] < 0)
		return;
	if (events->kind == EVENT_CPU_CLOCK)
		events->firings += count_of(events->event[cpu]) / events->period_ns;
	close(events->link[cpu]);
	close(events->event[cpu]);
	events->event[cpu] = events->link[cpu] = -1;
}

/* A CPU went and came between two looks: nothing fires there, for longer than it could be late, and
 * not only since the machine stood still. */
static bool is_dead(struct events *events, const struct counters *counters, uint32_t cpu,
		    uint64_t now_ns)
{
	uint64_t runs = counters_runs(counters, events->session, cpu);
	if (events->event[cpu] < 0 || events->kind != EVENT_CPU_CLOCK)
		return false;
	if (runs != events->runs[cpu] || !events->ran_ns[cpu]) {
		events->runs[cpu] = runs;
		events->ran_ns[cpu] = now_ns;
		events->quiet[cpu] = 0;
		return false;
	}
	if (events->quiet[cpu] < 2)
		events->quiet[cpu]++;
	return events->quiet[cpu] == 2 &&
	       now_ns - events->ran_ns[cpu] > DEAD_NS + 4 * events->period_ns;
}

/* Those of `new` that could be opened run from here on. */
static void begin_on(struct events *events, const events_cpus new, uint64_t now_ns)
{
	for (unsigned i = 0; i < CPUS_MAX; i++) {
		if (!has(new, i) || events->event[i] < 0)
			continue;
		ioctl(events->event[i], PERF_EVENT_IOC_ENABLE, 0);
		events->n_gaps++;
		events->gaps_ns += now_ns - (events->ran_ns[i] ? events->ran_ns[i] : now_ns);
		events->ran_ns[i] = now_ns;
		events->quiet[i] = 0;
	}
}

/* By when a CPU had gone that is on line now and has no event of ours that runs; 0: not at all, it
 * could not be opened until now. */
static uint64_t gone_by(struct events *events, unsigned cpu)
{
	if (!has(events->online, cpu)) {
		events->ran_ns[cpu] = events->looked_ns;
		return events->looked_ns;
	}
	return events->event[cpu] >= 0 ? events->ran_ns[cpu] + 4 * events->period_ns : 0;
}

uint64_t events_follow(struct events *events, const struct counters *counters, uint64_t now_ns)
{
	events_cpus online, new = {0};
	bool any = false;
	uint64_t gone_ns = 0;
	/* A tracepoint's program runs on all CPUs, wherever its event is. */
	if (events->kind == EVENT_TRACEPOINT || !events_read_online(online))
		return 0;
	for (unsigned i = 0; i < CPUS_MAX; i++) {
		if (!has(events->wanted, i) || !has(online, i))
			continue;
		if (has(events->online, i) && events->event[i] >= 0 &&
		    !is_dead(events, counters, i, now_ns))
			continue;
		uint64_t since_ns = gone_by(events, i);
		gone_ns = since_ns > gone_ns ? since_ns : gone_ns;
		close_one(events, (int)i);
		add(new, i);
		any = true;
	}
	memcpy(events->online, online, sizeof(online));
	events->looked_ns = now_ns;
	if (any && open_on(events, new, NULL) > 0)
		begin_on(events, new, now_ns);
	return gone_ns;
}

void events_close(struct events *events)
{
	for (int i = 0; i < CPUS_MAX; i++)
		if (events->event[i] >= 0)
			ioctl(events->event[i], PERF_EVENT_IOC_DISABLE, 0);
	for (int i = 0; i < CPUS_MAX; i++)
		close_one(events, i);
}
