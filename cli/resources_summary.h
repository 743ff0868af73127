/* SPDX-License-Identifier: Apache-2.0 */
/* Readings of common/info.proto's Resources in few numbers: what is least, usual and most, and
 * whether something grows as a leak does. */
#pragma once

#include <stdbool.h>

struct Probe__Resources;
struct Probe__Resources__Series;

struct resources_summary {
	double min, mean, max; /* of what adds up: a second of it ("cpu": ns of CPU a second) */
	double total;	       /* of what adds up */
	/* A leak? Over all readings (10 at least) a robust line (Theil and Sen: the median of the
	 * slopes between pairs of readings) rises by more than 5 % of where it begins and by more
	 * than 8 MiB, or 16 for what is counted. A start that ends is none: the median is flat. */
	bool grows;
	double growth; /* of the line */
};

/* `series` is one of `resources`. False: there are no readings of it, or they do not fit the times.
 */
bool resources_summary_of(const struct Probe__Resources *resources,
			  const struct Probe__Resources__Series *series,
			  struct resources_summary *summary);
