/* SPDX-License-Identifier: Apache-2.0 */
/* The workers (probe-symbolizer) that the broker has started and may have to end. */
#pragma once

#include <stdint.h>
#include <sys/types.h>
#include "daemon/launch.h"

struct err;

enum {
	/* One names an object in tens of milliseconds; more than the CPUs of most hosts would only
	 * give a broken engine processes to fork. */
	WORKERS_MAX = 8,
};

struct workers {
	int program; /* borrowed, opened; -1: not there */
	struct launch_worker at[WORKERS_MAX];
	uint64_t cpu_ns[WORKERS_MAX]; /* of each, when it was last looked at */
	uint64_t ended_cpu_ns;
	int n;
};

/* *socket: the other end of its. -EAGAIN: WORKERS_MAX are alive. */
int workers_start(struct workers *workers, pid_t *pid, int *socket, struct err *err);
/* Kills the one of this number, if there is one. */
void workers_end(struct workers *workers, pid_t pid);
/* CPU time of all that there were: of those that have ended, until they were last looked at. */
uint64_t workers_cpu_ns(struct workers *workers);
/* Kills all, and waits for them a little. */
void workers_deinit(struct workers *workers);
