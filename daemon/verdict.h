/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's own verdict on who may look at whom: a short-lived child takes the client's uid and
 * groups, has no capability, and tries to open the maps of the process, for which the kernel asks
 * for ptrace read access (ptrace(2), PTRACE_MODE_READ_FSCREDS). */
#pragma once

#include <stdint.h>

struct peer;

/* What the client would get: /proc/PID/maps, opened with its rights, of the image that was judged
 * and of no later one. -EACCES: it may not (kernel threads included); -ESRCH: gone; -ETIMEDOUT. */
int verdict_open_maps(const struct peer *peer, uint32_t pid, int *maps);
/* All processes whose maps it may open: a file of uint32_t, to be read from its start. */
int verdict_list(const struct peer *peer, int *pids);
