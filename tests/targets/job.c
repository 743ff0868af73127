/* SPDX-License-Identifier: Apache-2.0 */
/* The fixed CPU job of the bench: the same work N times (calls a few deep, branches, memory that
 *fits a cache), then its own wall time in seconds.
 *
 *	job N [wait]		wait: begins at the end of standard input
 */
#include "tests/targets/busy.h"

#include <stdio.h>
#include <unistd.h>

enum {
	CELLS = 1 << 14
};

static uint32_t cells[CELLS];

uint32_t job_mix(uint32_t x);
uint32_t job_mix(uint32_t x)
{
	x ^= x << 13;
	x ^= x >> 17;
	return x ^ x << 5;
}

uint32_t job_pass(uint32_t x);
uint32_t job_pass(uint32_t x)
{
	for (int i = 0; i < CELLS; i++) {
		x = job_mix(x);
		if (x & 1)
			cells[x % CELLS] += x;
		else
			x += cells[i];
	}
	return x;
}

uint32_t job_round(uint32_t x);
uint32_t job_round(uint32_t x)
{
	for (int i = 0; i < 20; i++)
		x = job_pass(x);
	return x;
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? atol(argv[1]) : 100;
	uint32_t x = 1;
	char byte;

	while (argc > 2 && read(STDIN_FILENO, &byte, 1) > 0)
		;
	uint64_t began = busy_wall_ns();
	for (long i = 0; i < n; i++)
		x = job_round(x | 1);
	double seconds = (busy_wall_ns() - began) / 1e9;
	printf("%u %.6f\n", x, seconds);
	return 0;
}
