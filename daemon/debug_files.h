/* SPDX-License-Identifier: Apache-2.0 */
/* The host's separate debug files by build ID, as Debian's -dbg and -dbgsym packages install them.
 * A build ID is no proof of identity, so that only files count that root put there; and only those
 * that everybody may read, so that the broker's capabilities open nothing to anybody. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Opens it, read-only, within the time limit of target_files.h. -ENOENT: none, or not fit. */
int debug_files_open(const uint8_t *build_id, size_t n, int *fd);
