/* SPDX-License-Identifier: Apache-2.0 */
/* Names for addresses, by way of a worker (worker_link.h): starts one when needed, opens objects in it,
 * and when it dies remembers which object it died of: that one is not tried again, the others go on in
 * a new worker. One question at a time; questions wait in line. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct asker;
struct sampler;
struct worker_opened;
typedef struct sd_event sd_event;

struct namer_line {
	const char *name, *system_name, *file; /* not NUL-terminated; untrusted text */
	uint32_t n_name, n_system_name, n_file;
	uint32_t line, start_line;
	const char *module; /* kernel: the module's name */
	uint32_t n_module;
};

struct namer_handlers {
	/* Before any name. NULL: the object could not be opened. */
	void (*on_object)(void *context, const struct worker_opened *opened);
	/* For addresses[i], once each, in order; n 0: nothing known. `vaddr`: ELF address. Innermost inline
	 * first. */
	void (*on_name)(void *context, uint32_t i, uint64_t vaddr, const struct namer_line *lines,
			uint32_t n);
	/* The last call. 0, or why nothing (more) could be named; `note`: words or "". */
	void (*on_done)(void *context, int code, const char *note);
};

enum { NAMER_KERNEL = 0 }; /* in place of an object's number */

struct namer;

struct namer *namer_new(sd_event *event, struct asker *asker, struct sampler *sampler);
void namer_free(struct namer *namer);
/* Asks; `addresses` (file offsets, or kernel offsets) are the caller's until on_done. Handlers are called
 * from the loop or from within. */
void namer_ask(struct namer *namer, uint32_t object, const uint64_t *addresses, uint32_t n,
	       const struct namer_handlers *handlers, void *context);
/* Whoever asked with this context is gone: no more calls. */
void namer_forget(struct namer *namer, const void *context);
