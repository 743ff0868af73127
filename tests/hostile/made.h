/* SPDX-License-Identifier: Apache-2.0 */
/* Files made to break, hang or bloat who reads them, always the same ones. */
#pragma once

#include <stddef.h>

#include "tests/hostile/file.h"

struct made {
	const char *name;
	/* `size`: how much of it, for quick tests a twentieth of what it is for long ones */
	void (*make)(struct file *file, uint32_t size);
	uint32_t size;	     /* of the long ones; 0: there is but one size */
	bool broken_symbols; /* not even the table of symbols is good */
};
extern const struct made made_dwarf[], made_elf[]; /* each ends with an empty one */
