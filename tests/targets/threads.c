/* SPDX-License-Identifier: Apache-2.0 */
/* Threads named worker-0 … that use different amounts of CPU time each; some live only a moment.
 *
 *	threads [SECONDS [THREADS]]	prints "NAME TID NS" for each at the end
 */
#include "tests/targets/busy.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
	THREADS_MAX = 256
};

struct worker {
	pthread_t thread;
	int number;
	int tid;
	uint64_t used_ns;
};

static uint64_t end_ns;

void worker_burn(uint64_t until_ns);
void worker_burn(uint64_t until_ns)
{
	while (busy_cpu_ns() < until_ns)
		BUSY_SPIN();
}

/* Number n burns n + 1 ms, then sleeps 10 ms, and so on. */
static void *worker_main(void *context)
{
	struct worker *worker = context;
	char name[16];

	snprintf(name, sizeof(name), "worker-%d", worker->number);
	prctl(PR_SET_NAME, name);
	worker->tid = gettid();
	while (busy_wall_ns() < end_ns) {
		worker_burn(busy_cpu_ns() + (worker->number + 1) * 1000000ull);
		usleep(10000);
	}
	worker->used_ns = busy_cpu_ns();
	return NULL;
}

int main(int argc, char **argv)
{
	static struct worker workers[THREADS_MAX];
	int n = argc > 2 ? atoi(argv[2]) : 4;

	if (n < 1 || n > THREADS_MAX)
		return 2;
	end_ns = busy_until(argc, argv, 1);
	for (int i = 0; i < n; i++) {
		workers[i].number = i;
		if (pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]))
			return 1;
	}
	for (int i = 0; i < n; i++) {
		pthread_join(workers[i].thread, NULL);
		printf("worker-%d %d %llu\n", i, workers[i].tid,
		       (unsigned long long)workers[i].used_ns);
	}
	return 0;
}
