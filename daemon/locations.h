/* SPDX-License-Identifier: Apache-2.0 */
/* Where code was seen: an address in an object, numbered, so that a stack is a list of u32. The
 * address is the one that names are looked up at: for a return address, one less (it may lie behind
 * the end of its function). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "common/index.h"

enum location_kind {
	LOCATION_FILE = 1,  /* object, file offset */
	LOCATION_KERNEL,    /* address - _stext */
	LOCATION_ANONYMOUS, /* absolute, in executable memory without a file: JIT code */
	LOCATION_UNKNOWN,   /* absolute, in no executable mapping that was ever seen */
};

struct location {
	uint64_t address;
	uint32_t object; /* LOCATION_FILE; ANONYMOUS, UNKNOWN: the code that the process made, or 0
			  */
	uint32_t kind;	 /* enum location_kind */
};

struct locations {
	struct location *at; /* from 1; of kind 0 those that are free */
	uint32_t n, room;
	uint32_t free; /* the first of these: its address is the next one's number; 0: none */
	struct index index;
};

void locations_init(struct locations *locations);
void locations_deinit(struct locations *locations);
uint32_t locations_add(struct locations *locations, const struct location *location);
/* Those that are not used (by number) are free from now on; the others keep their numbers. */
void locations_sweep(struct locations *locations, const bool *used);
