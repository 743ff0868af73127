/* SPDX-License-Identifier: Apache-2.0 */
/* A worker of our own (probe-symbolizer, common/worker.h) that reads files for us: as root under a
 * uid of its own, in its sandbox always, so that a file made to take over its reader gains nothing.
 * One object at a time; a worker that dies of it is of no use any more. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/guard.h"

struct err;
struct symbolize_worker;
struct worker_link_name;
struct worker_opened;

/* Words say what is missing. */
int symbolize_worker_start(struct symbolize_worker **worker, struct err *err);
void symbolize_worker_end(struct symbolize_worker *worker);
GUARD_DEFINE(symbolize_worker, struct symbolize_worker *, symbolize_worker_end)
#define guard_symbolize_worker guard(guard_symbolize_worker)

/* All: 0, or negative errno with words: of the worker about the file, or -EPIPE where it died of
 * it, -EPROTO where it answered nonsense. The fds are borrowed. */
int symbolize_worker_open(struct symbolize_worker *worker, int fd, struct worker_opened *opened,
			  struct err *err);
/* The object's debug file (WORKER_DEBUG), or what dwz moved out of that (WORKER_ALT). */
int symbolize_worker_add(struct symbolize_worker *worker, uint32_t op, int fd,
			 struct worker_opened *opened, struct err *err);
/* ELF addresses; on_name once for each in order, with text that is still to be escaped. */
typedef void symbolize_worker_on_name(void *context, size_t index,
				      const struct worker_link_name *name);
int symbolize_worker_names(struct symbolize_worker *worker, const uint64_t *addresses, size_t n,
			   symbolize_worker_on_name *on_name, void *context, struct err *err);
