/* SPDX-License-Identifier: Apache-2.0 */
/* Burns CPU time in execer_before(), replaces itself, and goes on in execer_after().
 *
 *	execer [SECONDS [DELAY]]	SECONDS of CPU time each; waits DELAY seconds first
 */
#include "tests/targets/busy.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void burn(double seconds)
{
	uint64_t end = busy_cpu_ns() + (uint64_t)(seconds * 1e9);

	while (busy_cpu_ns() < end)
		BUSY_SPIN();
}

void execer_before(double seconds);
void execer_before(double seconds)
{
	burn(seconds);
}

void execer_after(double seconds);
void execer_after(double seconds)
{
	burn(seconds);
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 1;

	if (argc > 2 && !strcmp(argv[2], "after")) {
		execer_after(seconds);
		return 0;
	}
	if (argc > 2)
		usleep((useconds_t)(atof(argv[2]) * 1e6));
	execer_before(seconds);
	execl("/proc/self/exe", "execer-after", argc > 1 ? argv[1] : "1", "after", NULL);
	return 1;
}
