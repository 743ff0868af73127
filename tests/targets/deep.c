/* SPDX-License-Identifier: Apache-2.0 */
/* Burns CPU time under DEPTH frames: deep_even() and deep_odd() call each other.
 *
 *	deep [SECONDS [DEPTH]]
 */
#include "tests/targets/busy.h"

void deep_leaf(uint64_t end);
void deep_even(uint64_t end, int depth);
void deep_odd(uint64_t end, int depth);

void deep_leaf(uint64_t end)
{
	while (busy_cpu_ns() < end)
		BUSY_SPIN();
}

void deep_even(uint64_t end, int depth)
{
	if (depth > 0)
		deep_odd(end, depth - 1);
	else
		deep_leaf(end);
}

void deep_odd(uint64_t end, int depth)
{
	if (depth > 0)
		deep_even(end, depth - 1);
	else
		deep_leaf(end);
}

int main(int argc, char **argv)
{
	deep_even(busy_until_used(argc, argv, 1), argc > 2 ? atoi(argv[2]) : 100);
	return 0;
}
