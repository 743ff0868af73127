/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's socket. It is made, or taken from the service manager, while the process is still
 * root, and accepted from in the engine. */
#pragma once

#include <sys/types.h>
#include <time.h>

struct err;
typedef struct sd_event sd_event;

#define LISTENER_PATH "/run/probe/probe.sock"

struct listener_socket {
	int fd;
	const char *path; /* NULL: the service manager's, which is not ours to remove */
	dev_t dev;
	ino_t inode;
	struct timespec made; /* inodes are used again */
};

/* Takes the socket that the service manager passed, else makes one at `path`, with `mode` and
 * `group` (-1: none) from its first moment, in a directory that is made when it is missing. A
 * socket that nobody serves any more is replaced; ERR_FAILED when somebody does. `path` is borrowed
 * for good. */
int listener_open(const char *path, mode_t mode, gid_t group, struct listener_socket *out,
		  struct err *err);
/* Removes what listener_open() made, unless another has replaced it. Keeps the fd. */
void listener_remove(const struct listener_socket *made);

struct listener;
/* Accepts on `socket_take` and hands each client's socket over (close-on-exec). Where there are no
 * fds left it turns clients away, or tries again a little later. NULL: no memory. */
struct listener *listener_new(sd_event *event, int socket_take,
			      void (*on_client)(void *context, int socket_take), void *context);
/* Accepts no more. NULL is fine. */
void listener_free(struct listener *listener);
