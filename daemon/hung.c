/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/hung.h"

void hung_add(struct hung *hung, uint32_t pid)
{
	hung->pids[hung->n++ % HUNG_MAX] = pid;
}

bool hung_has(const struct hung *hung, uint32_t pid)
{
	for (int i = 0; i < HUNG_MAX; i++)
		if (pid && hung->pids[i] == pid)
			return true;
	return false;
}

void hung_clear(struct hung *hung)
{
	*hung = (struct hung){0};
}
