/* SPDX-License-Identifier: Apache-2.0 */
/* Each process or thread of a profile with what its rows have in the selected column, beside the
 * kernel's own account of its time, where that was recorded. Who has no row at all (it slept, and
 * only CPU time was recorded) is there as well. */
#pragma once

#include "cli/owners.h"

#include <stdbool.h>
#include <stdint.h>

struct selection;

struct account {
	char *name;	  /* owned; escaped; "" unknown */
	int64_t pid, tid; /* 0: unknown, or not told apart */
	int64_t value;	  /* of the selected column */
	/* By the kernel's account, if `known`. */
	bool known, stolen_known;
	int64_t oncpu_ns, stolen_ns, runnable_ns, blocked_ns, wall_ns;
};

struct accounts {
	struct account *at; /* the largest value first, then the most time */
	uint32_t n, room;
	bool known;	   /* any is */
	int64_t wall_ns;   /* of all that are known */
	int64_t stolen_ns; /* likewise */
};

/* Of a part of the rows (--focus) only those who have any of it. `selection` is borrowed. */
void accounts_init(struct accounts *accounts, const struct selection *selection, enum owners_by by);
void accounts_deinit(struct accounts *accounts);
