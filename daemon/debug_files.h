/* SPDX-License-Identifier: Apache-2.0 */
/* Separate debug files, as Debian's -dbg and -dbgsym packages install them (by build ID), or as a
 * .gnu_debuglink names them: below /usr/lib/debug and beside the program; and what dwz moved out of
 * them. Looked for in the host's root, then in the target's.
 *
 * Neither a build ID nor a link is proof of identity: only files count that root or the owner of
 * the mapped file put there and that others may not write, and in the target's root only those on
 * the mapped file's own device, so that no container names functions of the host's files. They are
 * opened as the target's user, without capabilities (as nobody where it is gone), and by names that
 * end in `.debug` or `.dbg`. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct broker_debug_file;

enum {
	DEBUG_FILES_CANDIDATES = 10,
};

/* Whether its lengths hold and its texts end: it comes from the engine. Before the next. */
bool debug_files_valid(const struct broker_debug_file *wanted);
/* Opens the first one, read-only, within the time limit of target_files.h, from candidate
 * wanted->first on; *next is the candidate behind it. `pid`: whose user and root, 0: nobody's and
 * the host's only. -ENOENT: none, or none fit. */
int debug_files_open(const struct broker_debug_file *wanted, uint32_t pid, uint32_t *next, int *fd);
