/* SPDX-License-Identifier: Apache-2.0 */
/* File systems that a user serves himself. Whoever reads or closes a file of his FUSE file system
 * waits for his program, for ever if it wants; so none is opened but in a child, and none is handed
 * on. What root mounted is another matter. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Whether the FUSE file system with this device is one that root mounted, as `mountinfo`
 * (proc_pid_mountinfo(5)) tells; what is not in there is another namespace's. */
bool file_systems_fuse_of_root(const char *mountinfo, dev_t dev);
/* Whether a file system with this device is in it. */
bool file_systems_has(const char *mountinfo, dev_t dev);
/* The device of the mount with this number; false: it is not in there. */
bool file_systems_device(const char *mountinfo, unsigned mount, dev_t *dev);

/* -EOPNOTSUPP: the file (O_PATH will do) lies on a FUSE file system of a user's, or on an overlay,
 * which may lie on one, that is not mounted here as well: a user can make one in namespaces of his
 * own. `dev`: the file's. `pid`: the process whose mount it was reached by, 0: our own. */
int file_systems_judge(int fd, dev_t dev, uint32_t pid);
