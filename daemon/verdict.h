/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's own verdict on who may look at whom: a child takes the client's uid and groups, has
 * no capability, and tries to open the maps of the process, for which the kernel asks for ptrace
 * read access (ptrace(2), PTRACE_MODE_READ_FSCREDS). */
#pragma once

#include <stdint.h>

struct errand;
struct peer;

/* What the client would get: what /proc/PID/maps says, opened with its rights, of the image that
 * was judged and of no later one; to be read from its start. `judge` is this client's alone.
 * -EACCES: it may not (kernel threads included); -ESRCH: gone; -ETIMEDOUT. */
int verdict_read_maps(struct errand *judge, const struct peer *peer, uint32_t pid, int *maps);
/* All processes whose maps it may open: a file of uint32_t, to be read from its start. */
int verdict_list(const struct peer *peer, int *pids);
