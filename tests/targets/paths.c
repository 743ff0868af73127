/* SPDX-License-Identifier: Apache-2.0 */
/* More different stacks than any table of stacks has room for: each call goes down a random path of
 * DEPTH steps (16), to the left or to the right, and computes for a moment at its end.
 *
 *	paths [SECONDS [DEPTH]]
 */
#include "tests/targets/busy.h"

void path_left(uint32_t path, int depth);
void path_right(uint32_t path, int depth);
void path_end(void);

void path_end(void)
{
	volatile uint64_t x = 1;
	for (int i = 0; i < 8000; i++)
		x = x * 6364136223846793005ull + 1442695040888963407ull;
}

static uint32_t path_rest(uint32_t path)
{
	return path >> 1 | path << 31;
}

#define STEP(name)                                                                                 \
	void name(uint32_t path, int depth)                                                        \
	{                                                                                          \
		if (!depth)                                                                        \
			path_end();                                                                \
		else if (path & 1)                                                                 \
			path_left(path_rest(path), depth - 1);                                     \
		else                                                                               \
			path_right(path_rest(path), depth - 1);                                    \
	}
STEP(path_left)
STEP(path_right)

int main(int argc, char **argv)
{
	uint64_t end = busy_until(argc, argv, 1);
	uint64_t random = 1;
	int depth = argc > 2 ? atoi(argv[2]) : 16;

	while (busy_wall_ns() < end) {
		random = random * 6364136223846793005ull + 1442695040888963407ull;
		path_left((uint32_t)(random >> 32), depth);
	}
	return 0;
}
