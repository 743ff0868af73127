/* SPDX-License-Identifier: Apache-2.0 */
/* C++ names: a template in a namespace, and a method.
 *
 *	mangled [SECONDS]
 */
#include "tests/targets/busy.h"

namespace shop
{
template <typename Item> struct cart {
	Item sum = 0;
	void add(Item item, uint64_t end)
	{
		while (busy_cpu_ns() < end)
			BUSY_SPIN();
		sum += item;
	}
};
template struct cart<long>;

void checkout(cart<long> &mine, uint64_t end)
{
	mine.add(1, end);
}
} // namespace shop

int main(int argc, char **argv)
{
	uint64_t end = busy_until_used(argc, argv, 1);
	shop::cart<long> mine;

	while (busy_cpu_ns() < end)
		shop::checkout(mine, busy_cpu_ns() + 10000000);
	return 0;
}
