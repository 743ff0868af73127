/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that are off the CPU now, each with a copy of its stack (struct sleeper), as the broker
 * reads them: checked, and walked by the step that the programs use. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "bpf/types.h"

struct address_space;
struct ring;
struct sampler;
struct stack_event;
struct tally_stacks;
struct unwind_tables;

/* Calls for each that an fd of BROKER_SLEEPERS (borrowed) has, until its end. What is pointed to is
 * gone after the call. That may take seconds, in which the ring (NULL: there is none) is relieved.
 * 0, or negative errno; -EPROTO: that is no sleeper. */
int sleeper_walk_read(int fd, struct ring *ring,
		      void (*each)(void *context, const struct sleeper *sleeper), void *context);
/* Its stacks, in the sampler's numbers. `flags`: enum session_flags. */
void sleeper_walk_stacks(struct sampler *sampler, const struct sleeper *sleeper, uint32_t flags,
			 struct tally_stacks *stacks);
