/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that only sleep, until standard input ends.
 *
 *	sleepers [THREADS [NAP_US]]	prints a line once all of them are there; NAP_US: they wake
 *					that often
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static unsigned nap_us;

static void *sleeper_main(void *context)
{
	(void)context;
	for (;;)
		if (nap_us)
			usleep(nap_us);
		else
			pause();
	return NULL;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1;
	pthread_attr_t small;
	pthread_t thread;
	char byte;

	nap_us = argc > 2 ? (unsigned)atoi(argv[2]) : 0;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 << 10);
	for (int i = 1; i < n; i++)
		if (pthread_create(&thread, &small, sleeper_main, NULL))
			return 1;
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}
