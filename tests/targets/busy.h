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

/* Some 10 us of arithmetic that the compiler cannot drop. Inlined, so that the time is the
 * caller's own. */
#define BUSY_SPIN()                                                                                \
	do {                                                                                       \
		volatile uint64_t x = 1;                                                           \
		for (int i = 0; i < 8000; i++)                                                     \
			x = x * 6364136223846793005ull + 1442695040888963407ull;                   \
	} while (0)

/* Seconds given as argument `i`, or a long time: by the clock on the wall, or (so that a busy
 * machine changes nothing) by the thread's CPU clock. */
static inline uint64_t busy_given_ns(int argc, char **argv, int i)
{
	return (uint64_t)((argc > i ? atof(argv[i]) : 3600) * 1e9);
}

static inline uint64_t busy_until(int argc, char **argv, int i)
{
	return busy_wall_ns() + busy_given_ns(argc, argv, i);
}

static inline uint64_t busy_until_used(int argc, char **argv, int i)
{
	return busy_cpu_ns() + busy_given_ns(argc, argv, i);
}
