/* SPDX-License-Identifier: Apache-2.0 */
/* What one recording has counted: samples by (thread, kernel stack, user stack), and waits by
 * these, what the thread waited for and who ended it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "bpf/types.h"
#include "common/index.h"
#include "daemon/threads.h"

/* Who ended waits: any thread of the host, or an interrupt. */
struct tally_waker {
	uint32_t tid; /* 0: an interrupt; TALLY_WAKER_OTHERS: any more of this name */
	uint64_t start_time_ns;
	char comm[COMM_BYTES + 1];
};

enum {
	TALLY_WAKERS = 4096, /* told one by one */
	TALLY_WAKER_OTHERS = UINT32_MAX,
};

struct tally_stacks {
	uint32_t kernel, user, waker; /* 0: none */
};

/* Samples, or waits in one state. Of waits the numbers are estimates: each that was taken stands
 * for those that were not (struct wait_event). */
struct tally_row {
	uint32_t thread; /* in the owner's threads */
	struct tally_stacks stacks;
	uint32_t state;	  /* enum wait_state; WAIT_RUNNING: samples. A snapshot has no waits */
	uint32_t waker;	  /* 0: not known */
	uint64_t taken;	  /* samples or waits, as they came */
	uint64_t counted; /* of samples: what they stand for in counts of their event */
	double waits, blocked_ns, runnable_ns;
};

struct tally {
	struct threads *threads; /* borrowed */
	struct {
		struct tally_waker *at; /* from 1 */
		uint32_t n, room;
	} wakers;
	struct {
		struct tally_row *at; /* from 1 */
		uint32_t n, room;
	} rows;
	struct index by_waker, by_row;
	bool with_wakers; /* set by the owner: rows are told apart by who ended the wait */
	uint64_t samples, waits;
	uint64_t counted; /* of the samples, as in a row */
};

void tally_init(struct tally *tally, struct threads *threads);
void tally_deinit(struct tally *tally);
/* state: WAIT_RUNNING, except in a snapshot (snapshot.h). */
void tally_add(struct tally *tally, const struct sample_event *sample, struct tally_stacks stacks,
	       uint32_t state);
/* What lies between the two of a wait: it was blocked first, then runnable. A wait that has nothing
 * there is not added. Of one that has not ended, event.kind is 0, and time_ns now. */
void tally_add_wait(struct tally *tally, const struct wait_event *wait, struct tally_stacks stacks,
		    uint64_t begin_ns, uint64_t end_ns);
/* Threads have other numbers: by_old[number]. Rows that become equal are added up. */
void tally_renumber(struct tally *tally, const uint32_t *by_old);
