/* SPDX-License-Identifier: Apache-2.0 */
/* Four functions that use exactly 50, 30, 15 and 5 % of the thread's CPU time, called in turn, in
 * slices too short to beat with any sampling frequency. The time is the function's own: it runs
 * until its share is used up by the thread's CPU clock.
 *
 *	shares [SECONDS]		prints the CPU time it used, in ns
 */
#include "tests/targets/busy.h"

#include <stdio.h>

static uint64_t due_ns;

#define SHARE(name, us)                                                                            \
	void name(void);                                                                           \
	void name(void)                                                                            \
	{                                                                                          \
		due_ns += us * 1000ull;                                                            \
		while (busy_cpu_ns() < due_ns)                                                     \
			BUSY_SPIN();                                                               \
	}

SHARE(share_half, 5000)
SHARE(share_30, 3000)
SHARE(share_15, 1500)
SHARE(share_5, 500)

int main(int argc, char **argv)
{
	uint64_t end = busy_until(argc, argv, 1);

	due_ns = busy_cpu_ns();
	while (busy_wall_ns() < end) {
		share_half();
		share_30();
		share_15();
		share_5();
	}
	printf("%llu\n", (unsigned long long)busy_cpu_ns());
	return 0;
}
