/* SPDX-License-Identifier: Apache-2.0 */
/* A process that becomes another's again and again: children that burn CPU time in setuid_before(),
 *then in another program, which is to be a setuid one of root's, in setuid_after().
 *
 *	setuid COUNT PROGRAM	so many children, one after the other, each of which executes
 *PROGRAM after setuid after		about as long as PROGRAM then takes
 */
#include "tests/targets/busy.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	BURN_NS = 2000000
};

static void burn(void)
{
	uint64_t end = busy_cpu_ns() + BURN_NS;

	while (busy_cpu_ns() < end)
		BUSY_SPIN();
}

void setuid_before(void);
void setuid_before(void)
{
	burn();
}

void setuid_after(void);
void setuid_after(void)
{
	burn();
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "after")) {
		setuid_after();
		return geteuid() ? 1 : 0;
	}
	int count = argc > 2 ? atoi(argv[1]) : 0, wrong = 0;

	for (int i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			setuid_before();
			execl(argv[2], "setuid-after", "after", NULL);
			_exit(1);
		}
		int status = 1;

		waitpid(pid, &status, 0);
		wrong += status != 0;
	}
	return wrong ? 1 : 0;
}
