/* SPDX-License-Identifier: Apache-2.0 */
/* What one recording has counted: threads, and samples by (thread, kernel stack, user stack). */
#pragma once

#include <stdint.h>
#include "bpf/types.h"
#include "common/index.h"

/* A thread for ever: tids are given out again within seconds under churn. */
struct tally_thread {
	uint32_t tgid, tid;
	uint64_t start_time_ns;
	uint64_t samples;
	char comm[COMM_BYTES + 1]; /* as last seen; raw text of the target */
};

struct tally_row {
	uint32_t thread, kernel_stack, user_stack; /* stacks: 0 none */
	uint32_t pad;
	uint64_t samples;
};

struct tally {
	struct {
		struct tally_thread *at; /* from 1 */
		uint32_t n, room;
	} threads;
	struct {
		struct tally_row *at; /* from 1 */
		uint32_t n, room;
	} rows;
	struct index by_thread, by_row;
	uint64_t samples;
};

void tally_init(struct tally *tally);
void tally_deinit(struct tally *tally);
void tally_add(struct tally *tally, const struct sample_event *sample, uint32_t kernel_stack,
	       uint32_t user_stack);
