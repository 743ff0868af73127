/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's client of one worker (common/worker.h): asynchronous questions, answered in order.
 * Everything that comes back is checked here; what is handed to callbacks can be believed in shape,
 * not in meaning: a name may hold any byte but NUL.
 *
 * A worker that ends, hangs or sends nonsense costs the object it was asked about. The question
 * under way fails with -EPIPE (it ended), -ETIMEDOUT or -EPROTO: remember the object as failed.
 * Questions behind it fail with -ECANCELED: ask another worker. Then `on_dead` is called, and the
 * link only waits to be freed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/worker.h"
#include "common/worker_answer.h"

typedef struct sd_event sd_event;
struct unwind_row;
struct unwind_rule;
struct worker_link;

enum {
	WORKER_LINK_TIMEOUT_S =
		WORKER_PATIENCE * WORKER_SECONDS + 2, /* the worker gives up before */
};

/* `code`: 0 or negative errno with words (never NULL). Pointers hold until the callback returns.
 * Callbacks may ask more; only on_dead may free the link. */
typedef void (*worker_link_on_opened)(void *context, int code, const char *words,
				      const struct worker_opened *opened);
typedef void (*worker_link_on_name)(void *context, size_t index,
				    const struct worker_link_name *name);
typedef void (*worker_link_on_done)(void *context, int code, const char *words);
/* rules[0] is never used; rows ascend and name rules that exist. */
typedef void (*worker_link_on_table)(void *context, int code, const char *words,
				     const struct worker_table *table,
				     const struct unwind_rule *rules,
				     const struct unwind_row *rows);

/* Takes the socket, also when it fails (NULL: no memory, no event source). */
struct worker_link *worker_link_new(sd_event *event, int socket_take,
				    void (*on_dead)(void *context), void *context);
/* Questions not answered yet are forgotten: their callbacks are not called. NULL is fine. */
void worker_link_free(struct worker_link *link);
bool worker_link_is_dead(const struct worker_link *link);
/* Questions not answered yet. */
size_t worker_link_waiting(const struct worker_link *link);

/* Each queues a question; fds are duplicated. On a dead link the callback comes at once with
 * -ECANCELED. An object that could not be opened has no names and no table: -ENOENT. */
void worker_link_open(struct worker_link *link, uint32_t object, int fd,
		      worker_link_on_opened on_opened, void *context);
void worker_link_open_vdso(struct worker_link *link, uint32_t object, int fd,
			   worker_link_on_opened on_opened, void *context);
/* Kernel names: object 0 afterwards. */
void worker_link_open_kernel(struct worker_link *link, int fd, uint64_t stext,
			     worker_link_on_opened on_opened, void *context);
/* Code that a process made: its perf map. */
void worker_link_open_jit(struct worker_link *link, uint32_t object, int fd,
			  worker_link_on_opened on_opened, void *context);
/* Each request from here on has so many seconds of CPU time, and names come from symbols only; 0:
 * all there is, in WORKER_SECONDS. */
void worker_link_limit(struct worker_link *link, uint32_t seconds);
/* Any number of addresses (copied); on_name once an address in order, then on_done. After a failure
 * some names may have come. */
void worker_link_names(struct worker_link *link, uint32_t object, const uint64_t *addresses,
		       size_t n, worker_link_on_name on_name, worker_link_on_done on_done,
		       void *context);
void worker_link_table(struct worker_link *link, uint32_t object, worker_link_on_table on_table,
		       void *context);
/* Gives an open object its separate debug file, or what dwz moved out of that, and tells what the
 * object is now. -ESTALE: it is another object's. */
void worker_link_debug(struct worker_link *link, uint32_t object, int fd,
		       worker_link_on_opened on_opened, void *context);
void worker_link_alt(struct worker_link *link, uint32_t object, int fd,
		     worker_link_on_opened on_opened, void *context);
/* The worker forgets the object; nobody is told. */
void worker_link_close(struct worker_link *link, uint32_t object);
