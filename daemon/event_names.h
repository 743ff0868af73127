/* SPDX-License-Identifier: Apache-2.0 */
/* What can be sampled, by its name (as perf's). Numbers are the broker's, too (BROKER_EVENTS). */
#pragma once

#include <stdint.h>

enum {
	EVENT_CPU_CLOCK =
		0, /* time: fixed periods. All others by frequency, each sample weighted */
	EVENT_NAMES = 14,
	/* No number of the table: one that tracepoints.h finds by its name. Each is a sample. */
	EVENT_TRACEPOINT = EVENT_NAMES,
	EVENT_NAME_BYTES = 80, /* "sched:sched_process_fork", with its NUL */
};

struct event_name {
	const char *name, *alias; /* alias: "" none */
	uint32_t type;		  /* perf_event_attr's */
	uint64_t config;
};
extern const struct event_name event_names[EVENT_NAMES];

/* A name with a ':' is EVENT_TRACEPOINT's, whether or not there is such a one. -1: none is called
 * that. */
int event_names_find(const char *text);
