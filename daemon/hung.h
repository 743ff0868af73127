/* SPDX-License-Identifier: Apache-2.0 */
/* Processes whose files hang (a FUSE or NFS server that does not answer): one that maps hundreds
 * must not stop the broker for a time limit each. The last few are remembered. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	HUNG_MAX = 16,
	HUNG_HOST = UINT32_MAX, /* in place of a process: the host's own files */
};

/* Zeroed: none. */
struct hung {
	uint32_t pids[HUNG_MAX];
	uint32_t n; /* ever; the oldest are forgotten */
};

void hung_add(struct hung *hung, uint32_t pid);
/* Never of pid 0. */
bool hung_has(const struct hung *hung, uint32_t pid);
/* Numbers are used again. */
void hung_clear(struct hung *hung);
