/* SPDX-License-Identifier: Apache-2.0 */
/* Which other files hold what this one lacks, as it says itself: its debug file by name and CRC
 * (.gnu_debuglink, GDB manual "Separate Debug Files"), and the file to which dwz moved what several
 * debug files share (.gnu_debugaltlink: a path and a build ID). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/worker.h"

struct elf;

/* The name, a file's without a directory; "": none, or not usable. */
void debug_link_read(const struct elf *elf, char name[WORKER_DEBUG_LINK], uint32_t *crc);
/* The part of the path behind `.dwz/`, "": it lies elsewhere; and the build ID, whose bytes are
 * returned (0: there is none, or no link). */
size_t debug_link_read_alt(const struct elf *elf, char name[WORKER_ALT_LINK],
			   uint8_t id[WORKER_BUILD_ID]);
/* Whether this is the whole file's CRC-32. */
bool debug_link_matches(const struct elf *debug, uint32_t crc);
