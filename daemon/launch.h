/* SPDX-License-Identifier: Apache-2.0 */
/* Starting the engine and the workers: each a child of the broker, under a uid of its own, with
 * nothing but its sockets, and gone when the broker is gone. */
#pragma once

#include <sys/types.h>

struct err;

/* Uids (and gids) of the embedded trio and of a daemon without accounts of its own: from the range
 * 60706 to 61183, which systemd's list of uids names as unused and distributions leave free. Two of
 * them, so that a worker taken over cannot signal or trace the engine. */
enum {
	LAUNCH_ENGINE_UID = 61101,
	LAUNCH_WORKER_UID = 61102,
};

/* Opens `name` where this program lies (build tree), or where `make install` puts it from there. */
int launch_open_program(const char *name, int *fd, struct err *err);

struct launch_engine {
	int broker_socket; /* the other end of the engine's */
	int pidfd;	   /* -1: none */
};
/* Forks the engine, which runs `run` with `socket` (borrowed: the client's, or one to listen on)
 * its end of a new packet pair. When the broker ends, the engine has half
 * a second to tell its clients. */
typedef int launch_run(int socket, int broker_socket);
int launch_engine(launch_run *run, int socket, struct launch_engine *engine, struct err *err);

struct launch_worker {
	pid_t pid;
	int pidfd; /* the caller's */
};
/* Starts `program` (borrowed, opened) as a worker: fd 3 is its socket, the other end is *socket. */
int launch_worker(int program, struct launch_worker *worker, int *socket, struct err *err);

/* stdin and stdout, and in builds for users stderr: to /dev/null. */
void launch_quiet(void);
