/* SPDX-License-Identifier: Apache-2.0 */
/* Starts N threads, at most 64 at once, each of which works and sleeps a little and ends. Prints
 *the CPU time of the process at the end.
 *
 *	churn N
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
	AT_ONCE = 64
};

static sem_t places;

static void *churn_main(void *context)
{
	volatile unsigned work = 0;

	(void)context;
	while (work < 20000)
		work++;
	usleep(500);
	sem_post(&places);
	return NULL;
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? atol(argv[1]) : 1000;
	pthread_attr_t detached;
	pthread_t thread;
	struct timespec used;

	sem_init(&places, 0, AT_ONCE);
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&detached, 64 << 10);
	for (long i = 0; i < n; i++) {
		sem_wait(&places);
		if (pthread_create(&thread, &detached, churn_main, NULL))
			return 1;
		usleep(300);
	}
	for (int i = 0; i < AT_ONCE; i++)
		sem_wait(&places);
	usleep(100000); /* for the last ones to be gone */
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	printf("%lld\n", used.tv_sec * 1000000000ll + used.tv_nsec);
	return 0;
}
