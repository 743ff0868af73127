/* SPDX-License-Identifier: Apache-2.0 */
/* The workers (probe-symbolizer) that the broker has started and may have to end. */
#pragma once

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
	int n;
};

/* *socket: the other end of its. -EAGAIN: WORKERS_MAX are alive. */
int workers_start(struct workers *workers, pid_t *pid, int *socket, struct err *err);
/* Kills the one of this number, if there is one. */
void workers_end(struct workers *workers, pid_t pid);
/* Kills all, and waits for them a little. */
void workers_deinit(struct workers *workers);
