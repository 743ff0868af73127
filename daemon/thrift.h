/* SPDX-License-Identifier: Apache-2.0 */
/* The ceiling on our own cost (max_overhead): the CPU time of engine, broker and workers, and what
 * the BPF programs measure of ticks and of waits that they walk, over some seconds. When it is
 * near, every recording takes one of 2, 4, 8 … ticks only, and each sample stands for that many;
 * and as many times fewer waits are walked. When there is room again, more. Not measured is what
 * looks at each switch whether it is of a thread that is recorded: measuring takes longer. */
#pragma once

#include <stdint.h>

struct sampler;

struct thrift {
	uint64_t looked_ns; /* CLOCK_MONOTONIC; 0: never */
	uint64_t spent_ns;  /* CPU time until then */
	uint32_t thin;	    /* one of 1 << thin ticks is taken */
};

/* Once in a while. The lowest ceiling of the recordings that run counts for all of them. */
void thrift_look(struct thrift *thrift, struct sampler *sampler);
/* The next step: `thin` for a cost of `spent_ns` in `lasted_ns` and `percent` of a CPU. */
uint32_t thrift_step(uint32_t thin, uint64_t spent_ns, uint64_t lasted_ns, uint32_t percent);
