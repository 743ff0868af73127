/* SPDX-License-Identifier: Apache-2.0 */
/* From a stopped session to its profile: every location is named (asynchronously, by a worker),
 * then rows, labels and the private message are made. */
#pragma once

#include <stdint.h>

struct build;
struct symbolizer;
struct profile;
struct sampler;
struct session;

struct build_result {
	struct profile *profile; /* the receiver's */
	uint64_t samples, stacks, lost;
	double whole; /* share of samples whose user stack reached its root; 1 where there are none
		       */
	double named; /* share of samples (waits) whose function has a name: protocol.proto */
	char nameless[512]; /* the file that most of the others are in; "": none, or too long */
	uint32_t forbidden; /* files that our own rights were not enough for */
};

/* `on_done` is called once, from the loop or from within, and not after build_free(). */
struct build *build_new(struct symbolizer *symbolizer, struct sampler *sampler,
			const struct session *session,
			void (*on_done)(void *context, const struct build_result *result),
			void *context);
void build_free(struct build *build);
/* Objects named so far, and all. */
void build_progress(const struct build *build, uint32_t *done, uint32_t *all);
