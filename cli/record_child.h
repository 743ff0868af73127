/* SPDX-License-Identifier: Apache-2.0 */
/* CMD of `probe record … -- CMD`: a child that waits before its exec until it is let go. It keeps
 * our process group, streams, limits and signals, as if the shell had started it. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

struct err;

struct record_child {
	pid_t pid;   /* 0: none */
	int pidfd;   /* readable when it has ended */
	int go;	     /* our end of what it waits on; -1: let go */
	int failure; /* readable when its exec failed or succeeded; -1: known */
	const char *name;
};

/* `mask`: the signals blocked in the child. */
int record_child_start(struct record_child *child, char **argv, const sigset_t *mask,
		       struct err *err);
/* Lets it exec. */
void record_child_go(struct record_child *child);
/* After `failure` became readable: 0 it runs; negative errno with words and the shell's status for
 * it (127 not found, 126 not executable). Closes `failure`. */
int record_child_started(struct record_child *child, struct err *err);
/* Sends a signal, if it is still there. */
void record_child_kill(struct record_child *child, int signal);
/* Whether it has ended; *status as of waitpid(). Reaps it. `wait`: until it has. */
bool record_child_end(struct record_child *child, bool wait, int *status);
/* One that was not let go yet ends; one that runs stays. Zeroed storage is fine, twice too. */
void record_child_deinit(struct record_child *child);
