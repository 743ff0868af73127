/* SPDX-License-Identifier: Apache-2.0 */
/* The sampling events of one session: a cpu-clock event and its link for each CPU, also for CPUs
 * that come on line while it records (the kernel takes an event from a CPU that goes away for
 * good). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bpf/types.h"

struct asker;
struct counters;
struct err;

typedef uint64_t events_cpus[CPUS_MAX / 64];

struct events {
	struct asker *asker; /* borrowed */
	uint32_t session;
	uint32_t kind;		/* number in event_names; cpu-clock unless the owner sets another */
	const char *tracepoint; /* borrowed: of EVENT_TRACEPOINT; one event is of all CPUs */
	uint64_t period_ns;
	events_cpus wanted, online;
	int event[CPUS_MAX], link[CPUS_MAX]; /* -1: none */
	uint64_t firings; /* of those that are closed: count / period; of cpu-clock alone */
	/* For events_follow(): what has been counted on each, and when that was seen to be more. */
	uint64_t runs[CPUS_MAX], ran_ns[CPUS_MAX];
	uint8_t quiet[CPUS_MAX]; /* looks in a row that saw no more, up to 2 */
	uint64_t looked_ns;	 /* the last time */
	/* CPUs that came on line, and the most time in sum that nothing was sampled there. */
	uint32_t n_gaps;
	uint64_t gaps_ns;
};

/* `cpus`: n numbers below CPUS_MAX; none: all. Opened, not running. ERR_USAGE: none is on line. */
int events_open(struct events *events, struct asker *asker, uint32_t session, uint64_t period_ns,
		const uint32_t *cpus, size_t n, struct err *err);
void events_enable(struct events *events);
/* Once in a while: events for CPUs that have come on line since, also those that had gone in
 * between; where one cannot be opened it is tried again. 0, or by when the last of these CPUs had
 * gone: what was opened a CPU before then is dead there. */
uint64_t events_follow(struct events *events, const struct counters *counters, uint64_t now_ns);
/* Off first, on every CPU, then counted and closed: when it returns no program runs any more.
 * Idempotent; zeroed storage is not fine: events_init(). */
void events_close(struct events *events);
void events_init(struct events *events);

/* Those that run now. False: it cannot be read. */
bool events_read_online(events_cpus cpus);

/* A list like "0-3,8" (cpuset(7), List format), numbers beyond CPUS_MAX left out. */
void events_parse_cpus(const char *text, events_cpus cpus);
