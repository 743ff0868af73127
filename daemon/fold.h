/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that begin and end threads or processes all the time: of some thousands each thread is
 * told, of more those that have ended become one entry for each name in a process, and of processes
 * that have ended, for each name of both. Where even those are thousands, the rest is one. The sums
 * stay exact, and memory bounded. */
#pragma once

#include <stdint.h>

struct members;
struct tally;
struct times;

/* Once a second. Those that ended before that time: nothing of them is to come any more. The
 * threads are the two's, and get other numbers. */
void fold_dead(struct times *times, struct tally *tally, struct members *members,
	       uint64_t before_ns);
