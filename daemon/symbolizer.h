/* SPDX-License-Identifier: Apache-2.0 */
/* Names and unwind tables of objects, by way of a worker (worker_link.h): starts one when needed,
 * opens objects in it, and when it dies remembers which object it died of: that one is tried once
 * more, as somebody may just have killed the worker, and then no more; the others go on in a new
 * worker. One question at a time; questions wait in line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "daemon/worker_link.h"

struct asker;
struct objects;

enum {
	SYMBOLIZER_KERNEL = 0, /* in place of an object's number */
};

/* Called from the loop. An object is told of once, then its names one an address in order, then the
 * end. `opened` NULL: it could not be opened, and no names come. on_done: 0, or why not all could
 * be named, with words or "". */
struct symbolizer_handlers {
	void (*on_object)(void *context, const struct worker_opened *opened);
	worker_link_on_name on_name;
	worker_link_on_done on_done;
};

struct symbolizer;

struct symbolizer *symbolizer_new(sd_event *event, struct asker *asker, struct objects *objects);
void symbolizer_free(struct symbolizer *symbolizer);
/* `addresses` are file offsets, offsets from _stext, or absolute for OBJECT_JIT; they and the
 * handlers are the caller's until on_done. */
void symbolizer_names(struct symbolizer *symbolizer, uint32_t object, const uint64_t *addresses,
		      size_t n, const struct symbolizer_handlers *handlers, void *context);
/* Questions of this context get a second each, and names from symbols only: no time is left. */
void symbolizer_hurry(struct symbolizer *symbolizer, const void *context);
/* Has the worker open the object and its debug file, once, and tells nobody. false: that was done
 * before. */
bool symbolizer_prepare(struct symbolizer *symbolizer, uint32_t object);
/* Nothing is asked. */
bool symbolizer_is_idle(const struct symbolizer *symbolizer);
void symbolizer_table(struct symbolizer *symbolizer, uint32_t object, worker_link_on_table on_table,
		      void *context);
/* Forgets every object, and lets the worker go: their numbers will mean others. False, and nothing
 * is done: something is asked, which would have nobody to answer it. Not from a callback. */
bool symbolizer_clear(struct symbolizer *symbolizer);
/* The same of one object, which nothing is asked about. */
void symbolizer_drop(struct symbolizer *symbolizer, uint32_t object);
/* Whoever asked with this context is gone: no more calls. */
void symbolizer_forget(struct symbolizer *symbolizer, const void *context);
