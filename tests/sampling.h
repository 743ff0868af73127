/* SPDX-License-Identifier: Apache-2.0 */
/* The sampler in one process, for tests: loads, opens events on all CPUs, collects what comes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "bpf/types.h"
#include "daemon/counters.h"
#include "daemon/programs.h"
#include "daemon/ring.h"
#include "daemon/times.h"

enum {
	SAMPLING_STACKS = 20000,
	SAMPLING_SAMPLES = 200000,
	SAMPLING_WAITS = 50000,
	SAMPLING_LIVES = 4096,
};

struct sampling {
	struct programs *programs;
	int fds[LOAD_FDS];
	struct ring *ring;
	struct counters *counters;
	struct session_config *sessions;
	struct space *spaces;
	struct mapping *mappings;
	uint64_t *seen;
	const struct cpu_counters *rows;
	int events[SESSIONS_MAX][CPUS_MAX], links[SESSIONS_MAX][CPUS_MAX]; /* + 1; 0: none */
	uint64_t period_ns[SESSIONS_MAX];
	struct stack_event **stacks;
	struct sample_event *samples;
	struct wait_event *waits;
	struct life_event *lives;
	size_t n_stacks, n_samples, n_waits, n_lives;
	struct times *times; /* the test's: is told threads that end */
};

/* NULL after a failed assertion. */
struct sampling *sampling_new(void);
void sampling_free(struct sampling *s);
/* Enables the session on all CPUs. Where the machine is emulated, and a walk takes longer than a
 * period, SAMPLING_PERIODS=20 in the environment makes all periods longer. False after a failed
 * assertion. */
bool sampling_start(struct sampling *s, uint32_t session, uint64_t period_ns, uint32_t flags);
/* Disables the events; returns their firings, each CPU's rounded down. */
uint64_t sampling_pause(struct sampling *s, uint32_t session);
void sampling_stop(struct sampling *s, uint32_t session);
void sampling_drain(struct sampling *s);
/* Has the session's threads noted, and their waits told where `flags` have SESSION_OFF: those of
 * at least `off_period_ns` for certain. Returns threads read. */
size_t sampling_threads(struct sampling *s, uint32_t session, uint64_t off_period_ns,
			uint32_t flags, struct thread_times *threads, size_t max);
/* What became of the waits seen, and of their time. */
struct sampling_waits {
	uint64_t n[WAITS], ns[WAITS];
};
struct sampling_waits sampling_read_waits(const struct sampling *s);
/* The same when all is quiet: the sums are asserted to agree, but for one that may be owed on each
 * CPU. */
struct sampling_waits sampling_count_waits(const struct sampling *s);
/* Drains until there are so many samples (lives); waits as long as it takes. */
void sampling_wait_samples(struct sampling *s, size_t n);
void sampling_wait_waits(struct sampling *s, size_t n);
void sampling_wait_lives(struct sampling *s, size_t n);
void sampling_forget(struct sampling *s);
const struct stack_event *sampling_stack(const struct sampling *s, uint64_t hash, uint32_t check);
/* Reads /proc/PID/maps into space number `space`: object = line of the file,
 * from 1; 0 for anonymous memory. */
void sampling_map(struct sampling *s, pid_t pid, uint32_t space);

/* A child that runs `f` until sampling_end(). */
pid_t sampling_child(void (*f)(void));
void sampling_end(pid_t pid);
/* Uses the CPU for ever. */
void sampling_spin(void);
/* Uses it 1,000 frames deep, in thousands of different leaves (test_walk.c). */
void sampling_many_deep_stacks(void);
