/* SPDX-License-Identifier: Apache-2.0 */
/* The library that plugin.c loads and unloads. */
#include "tests/targets/busy.h"

void plugged_work(uint64_t end);
void plugged_work(uint64_t end)
{
	while (busy_cpu_ns() < end)
		BUSY_SPIN();
}
