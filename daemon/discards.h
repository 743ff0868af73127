/* SPDX-License-Identifier: Apache-2.0 */
/* Clients' sockets with fds in them that nobody has received: who closes such a socket last drops
 * those, and waits where a socket lingers (SO_LINGER) or a file system is in no hurry (FUSE). So a
 * child gets hold of them, the engine closes its own, and the child ends. */
#pragma once

#include <stdint.h>

enum {
	DISCARDS_AT_ONCE = 64,
	DISCARDS_CHILDREN = 8, /* that do not end; a lingering socket of a process that does is not
				* waited for */
};

/* Zeroed, but for `engine`. */
struct discards {
	int engine;			 /* pidfd; borrowed; -1: none */
	int holding;			 /* 0: nobody; its end lets the child go */
	int children[DISCARDS_CHILDREN]; /* pidfds; 0: none */
};

/* A child holds these fds of the engine from now on, until discards_end(). -EBUSY: as many children
 * as there may be do not come to an end. */
int discards_begin(struct discards *discards, const int32_t *fds, uint32_t n);
/* The engine has closed its own. */
void discards_end(struct discards *discards);
