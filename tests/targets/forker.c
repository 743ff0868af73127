/* SPDX-License-Identifier: Apache-2.0 */
/* Forks children one after the other, each of which forks one of its own: all burn a little CPU
 *time and end. Nothing of it existed when the recording began.
 *
 *	forker [SECONDS [MS]]		MS of CPU time each (10); prints "CHILDREN NS" at the end
 */
#include "tests/targets/busy.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void burn(uint64_t ns)
{
	while (busy_cpu_ns() < ns)
		BUSY_SPIN();
}

void forker_grandchild(uint64_t ns);
void forker_grandchild(uint64_t ns)
{
	burn(ns);
}

void forker_child(uint64_t ns);
void forker_child(uint64_t ns)
{
	pid_t pid = fork();

	if (!pid) {
		forker_grandchild(ns);
		_exit(0);
	}
	burn(ns);
	waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	uint64_t end = busy_until(argc, argv, 1);
	uint64_t ns = (argc > 2 ? atoi(argv[2]) : 10) * 1000000ull;
	unsigned long long children = 0;
	struct rusage used;

	while (busy_wall_ns() < end) {
		pid_t pid = fork();

		if (pid < 0)
			return 1;
		if (!pid) {
			forker_child(ns);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
		children += 2;
	}
	getrusage(RUSAGE_CHILDREN, &used);
	printf("%llu %llu\n", children,
	       (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000000ull +
		       (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1000ull);
	return 0;
}
