/* SPDX-License-Identifier: Apache-2.0 */
/* Four functions that use exactly 50, 30, 15 and 5 % of the thread's CPU time, called in turn: each
 * runs until its slice is used up by the thread's CPU clock. The length of a round changes, so that
 * it does not beat with the sampling.
 *
 *	shares [SECONDS]		prints the CPU time it used, in ns
 */
#include "tests/targets/busy.h"

#include <stdio.h>

static uint64_t due_ns, part_ns;

#define SHARE(name, percent)                                                                       \
	void name(void);                                                                           \
	void name(void)                                                                            \
	{                                                                                          \
		due_ns += percent * part_ns;                                                       \
		while (busy_cpu_ns() < due_ns)                                                     \
			BUSY_SPIN();                                                               \
	}

SHARE(share_half, 50)
SHARE(share_30, 30)
SHARE(share_15, 15)
SHARE(share_5, 5)

int main(int argc, char **argv)
{
	uint64_t end = busy_until_used(argc, argv, 1);

	uint32_t random = 1;

	due_ns = busy_cpu_ns();
	while (busy_cpu_ns() < end) {
		random = random * 1664525 + 1013904223;
		part_ns = 30000 + (random >> 16);
		share_half();
		share_30();
		share_15();
		share_5();
	}
	printf("%llu\n", (unsigned long long)busy_cpu_ns());
	return 0;
}
