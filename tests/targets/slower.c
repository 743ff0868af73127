/* SPDX-License-Identifier: Apache-2.0 */
/* The same work again and again, in functions of 40, 25, 20 and 15 % of it; that of `slower` is so
 * many percent more. A round is about a millisecond.
 *
 *	slower ROUNDS [PERCENT]
 */
#include "tests/targets/busy.h"

#define WORK(name)                                                                                 \
	void name(int parts);                                                                      \
	void name(int parts)                                                                       \
	{                                                                                          \
		volatile uint64_t x = 1;                                                           \
		for (int i = 0; i < parts * 80; i++)                                               \
			x = x * 6364136223846793005ull + 1442695040888963407ull;                   \
	}

WORK(same_40)
WORK(same_25)
WORK(same_15)
WORK(slower)

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 1000, percent = argc > 2 ? atoi(argv[2]) : 0;

	for (int i = 0; i < rounds; i++) {
		same_40(4000);
		same_25(2500);
		slower(20 * (100 + percent));
		same_15(1500);
	}
	return 0;
}
