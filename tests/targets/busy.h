/* SPDX-License-Identifier: Apache-2.0 */
/* What the targets share: functions that burn a known time of their thread's own CPU clock. */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

static inline uint64_t busy_cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static inline uint64_t busy_wall_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* A few microseconds of arithmetic that the compiler cannot drop. Inlined, so that the time is the
 * caller's own. */
#define BUSY_SPIN()                                                                                \
	do {                                                                                       \
		volatile uint64_t x = 1;                                                           \
		for (int i = 0; i < 2000; i++)                                                     \
			x = x * 6364136223846793005ull + 1442695040888963407ull;                   \
	} while (0)

/* Seconds given as argument `i`, or a long time. */
static inline uint64_t busy_until(int argc, char **argv, int i)
{
	double seconds = argc > i ? atof(argv[i]) : 3600;

	return busy_wall_ns() + (uint64_t)(seconds * 1e9);
}
