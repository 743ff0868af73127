/* SPDX-License-Identifier: Apache-2.0 */
/* Many processes at once, each with many executable mappings: more than tables have room for.
 *
 *	crowd [SECONDS [PROCESSES [MAPPINGS]]]	(1 process, 0 mappings)
 *
 * Children start when a line comes on stdin, all of them when "all" is printed, live until the end,
 *and compute a little now and then. Their mappings are pages of this program's own file, which
 *nothing runs in. */
#include "tests/targets/busy.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

void crowd_burn(uint64_t ns);
void crowd_burn(uint64_t ns)
{
	uint64_t end = busy_cpu_ns() + ns;

	while (busy_cpu_ns() < end)
		BUSY_SPIN();
}

/* With a hole behind each, or the kernel would make one mapping of them. */
static void crowd_map(int n)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char *room =
		mmap(NULL, 2ul * n * 4096 + 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (int i = 0; i < n; i++)
		if (mmap(room + 2ul * i * 4096, 4096, PROT_READ | PROT_EXEC,
			 MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED)
			_exit(2);
	close(fd);
}

void crowd_member(uint64_t end);
void crowd_member(uint64_t end)
{
	struct timespec pause = {0, 20000000};

	while (busy_wall_ns() < end) {
		crowd_burn(2000000);
		nanosleep(&pause, NULL);
	}
}

int main(int argc, char **argv)
{
	uint64_t end = busy_until(argc, argv, 1);
	int n = argc > 2 ? atoi(argv[2]) : 1, mappings = argc > 3 ? atoi(argv[3]) : 0;

	puts("ready");
	fflush(stdout);
	if (getchar() == EOF)
		return 1;
	for (int i = 1; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return 1;
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, 9);
			crowd_map(mappings);
			crowd_member(end);
			_exit(0);
		}
	}
	puts("all");
	fflush(stdout);
	crowd_map(mappings);
	crowd_member(end);
	while (wait(NULL) > 0)
		;
	return 0;
}
