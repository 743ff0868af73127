/* SPDX-License-Identifier: Apache-2.0 */
/* The threads of a recording: who they are, how often they were met (tally.h) and what time they
 * had (times.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "bpf/types.h"
#include "common/index.h"

/* What has been accounted to a thread until some moment. */
struct threads_account {
	uint64_t oncpu_ns, runnable_ns, off_ns;
};

/* wall = oncpu + stolen + runnable + blocked */
struct threads_sum {
	uint64_t oncpu_ns, stolen_ns, runnable_ns, blocked_ns, wall_ns;
};

/* A thread for ever: tids are given out again within seconds under churn. */
struct thread {
	uint32_t tgid, tid;
	uint64_t start_time_ns;
	char comm[COMM_BYTES + 1]; /* as last seen; raw text of the target */
	uint64_t samples, waits;   /* taken */
	/* Its first and its last reading. */
	uint64_t begin_ns,
		end_ns; /* CLOCK_MONOTONIC; begin 0: no times are known; end 0: it lives */
	struct threads_account first, last;
	bool noted;	   /* off_ns is known of both */
	bool on_cpu;	   /* at the last */
	uint64_t still_ns; /* it ran while the machine stood still (gaps.h), … */
	uint32_t still_in; /* … the last time: which one */
	/* A wait under way at the last reading that no row of the tally holds; 0: none. */
	uint64_t open_since_ns;
	uint32_t open_state; /* enum wait_state */
	/* Of many that have ended, summed (fold.h): how many, and what their process was called;
	 * tid is 0, and tgid where the process has ended. */
	uint32_t n_folded;
	char process[COMM_BYTES + 1];
	struct threads_sum folded;
};

struct threads {
	struct thread *at; /* from 1 */
	uint32_t n, room;
	struct index index; /* without those that are folded */
	uint64_t n_ever;
};

void threads_init(struct threads *threads);
void threads_deinit(struct threads *threads);
/* Its number, made where it is new; takes the name (COMM_BYTES of it). */
uint32_t threads_note(struct threads *threads, uint32_t tgid, uint32_t tid, uint64_t start_time_ns,
		      const char *comm);
/* For fold.c: one more in the index. */
void threads_index(struct threads *threads, uint32_t number);
/* 0: not known. */
uint32_t threads_find(const struct threads *threads, uint32_t tid, uint64_t start_time_ns);
