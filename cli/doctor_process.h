/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the engine what is there of one process: records it for a moment, and meanwhile asks for its
 * modules. */
#pragma once

#include <stdint.h>

struct err;
struct profile;
struct Probe__Message;

struct doctor_process {
	uint32_t pid;
	double seconds, hz;
	/* Results, owned. */
	struct Probe__Message *started, *modules;
	struct profile *profile; /* NULL: nothing was sampled */
};

/* `socket`: --socket, or NULL. Negative errno with words: no such process, what the engine said, or
 * the process ended meanwhile. */
int doctor_process_run(struct doctor_process *process, const char *socket, struct err *err);
void doctor_process_deinit(struct doctor_process *process);
