/* SPDX-License-Identifier: Apache-2.0 */
/* Maps the page at 0x1000 of each file as code and has a thread run it, whose name is the file's:
 *each is a loop for ever (tests/hostile/file.c). What is recorded lies in these files then, and
 *this program itself burns CPU time in mapper_main().
 *
 *	mapper SECONDS FILE...
 */
#include "tests/targets/busy.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

static void *run(void *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *code = mmap(NULL, 0x1000, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0x1000);

	if (fd < 0 || code == MAP_FAILED)
		_exit(1);
	close(fd);
	prctl(PR_SET_NAME, strrchr(path, '/') + 1);
	((void (*)(void))code)();
	return NULL;
}

void mapper_main(uint64_t end);
void mapper_main(uint64_t end)
{
	while (busy_wall_ns() < end)
		BUSY_SPIN();
}

int main(int argc, char **argv)
{
	uint64_t end = busy_until(argc, argv, 1);

	for (int i = 2; i < argc; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, run, argv[i]))
			return 1;
	}
	mapper_main(end);
	_exit(0);
}
