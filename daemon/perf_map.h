/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's side of names of code that a process made itself: it may write them to
 * /tmp/perf-PID.map, in its own root and by the number that it has in its own PID namespace. */
#pragma once

#include <stdint.h>

/* When the broker starts: a clock that is set later does not make what was written before too old.
 */
void perf_map_init(void);

/* Opens it, read-only, within the time limit of target_files.h: a regular file, no symbolic link,
 * of the process's own user, written since the process began (numbers are used again, and such
 * files stay), and one that not everybody may write. -ENOENT: none; -EACCES: not fit;
 * -EOPNOTSUPP: on a FUSE file system of a user; -ETIMEDOUT. */
int perf_map_open(uint32_t pid, int *fd);
