/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/event_names.h"

#include <linux/perf_event.h>
#include <string.h>

#define SOFTWARE PERF_TYPE_SOFTWARE
#define HARDWARE PERF_TYPE_HARDWARE
const struct event_name event_names[EVENT_NAMES] = {
	[EVENT_CPU_CLOCK] = {"cpu-clock", "", SOFTWARE, PERF_COUNT_SW_CPU_CLOCK},
	{"page-faults", "faults", SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
	{"minor-faults", "", SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MIN},
	{"major-faults", "", SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MAJ},
	{"context-switches", "cs", SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
	{"cpu-migrations", "migrations", SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
	{"alignment-faults", "", SOFTWARE, PERF_COUNT_SW_ALIGNMENT_FAULTS},
	{"emulation-faults", "", SOFTWARE, PERF_COUNT_SW_EMULATION_FAULTS},
	{"cycles", "cpu-cycles", HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
	{"instructions", "", HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
	{"cache-references", "", HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES},
	{"cache-misses", "", HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
	{"branches", "branch-instructions", HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
	{"branch-misses", "", HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
};

int event_names_find(const char *text)
{
	for (int i = 0; *text && i < EVENT_NAMES; i++)
		if (!strcmp(text, event_names[i].name) || !strcmp(text, event_names[i].alias))
			return i;
	if (strchr(text, ':') && strlen(text) < EVENT_NAME_BYTES)
		return EVENT_TRACEPOINT;
	return -1;
}
