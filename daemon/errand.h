/* SPDX-License-Identifier: Apache-2.0 */
/* What may keep waiting for good whoever does it is done by a child of the broker: it is asked,
 * answers with a code and a file, and is asked again; it is killed when it does not answer in time,
 * and the next question gets another child. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Zeroed: there is none. */
struct errand {
	pid_t pid;
	int end;    /* its pidfd */
	int socket; /* to it */
};

/* What a child is for. `context` is as it was when the child began. */
struct errand_kind {
	/* First of all, NULL: nothing. Negative: the answer to every question. */
	int (*begin)(const void *context);
	/* Opens *fd, or leaves it -1. */
	int (*run)(const void *context, const void *request, int *fd);
	size_t bytes; /* of a request */
};

struct errand_wait {
	int64_t ms; /* that it waited, not for a CPU */
	int stuck;  /* pidfd of the child, the caller's, where it does not go away; -1: it has */
};

/* The result of run(), or -ETIMEDOUT, or -EIO: the child has crashed. *fd: -1 where run() left
 * it. */
int errand_ask(struct errand *errand, const struct errand_kind *kind, const void *context,
	       const void *request, int limit_ms, int *fd, struct errand_wait *wait);
/* Kills the child, if there is one. *stuck (may be NULL): as above. */
void errand_end(struct errand *errand, int *stuck);
