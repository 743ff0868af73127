/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/hung.h"

#include "tests/unit.h"

static void remembers_the_last(void)
{
	struct hung hung = {0};
	CU_ASSERT(!hung_has(&hung, 0));
	CU_ASSERT(!hung_has(&hung, 7));
	for (uint32_t pid = 1; pid <= HUNG_MAX + 1; pid++)
		hung_add(&hung, pid);
	CU_ASSERT(!hung_has(&hung, 1));
	CU_ASSERT(hung_has(&hung, 2));
	CU_ASSERT(hung_has(&hung, HUNG_MAX + 1));
	hung_add(&hung, HUNG_HOST);
	CU_ASSERT(hung_has(&hung, HUNG_HOST));
	hung_clear(&hung);
	CU_ASSERT(!hung_has(&hung, 3));
}

SUITE(hung, {"remembers the last", remembers_the_last});
