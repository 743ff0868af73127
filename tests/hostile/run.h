/* SPDX-License-Identifier: Apache-2.0 */
/* A file through a real worker in its sandbox, started as the broker does and asked as the engine
 * does. Needs root. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run;

struct run_result {
	int opened; /* 0, or why the file is no object */
	uint32_t asked, named;
	char name[64]; /* of the lowest code address */
	bool table;
	bool died;    /* in the middle of a question, with `status` as of waitpid() */
	bool strange; /* it answered nonsense */
	int status;
	uint64_t cpu_ns;     /* of the worker, for this file */
	uint64_t peak_bytes; /* of the worker, since it began */
	char words[160];
};

/* The worker's program lies beside this one. */
struct run *run_new(void);
void run_free(struct run *run);
/* Both are borrowed; debug_fd -1: none. Starts another worker where the last one died. Ends the
 * program with a line where no worker can be started. */
void run_file(struct run *run, int fd, int debug_fd, struct run_result *result);
/* The next file gets a worker of its own. */
void run_rest(struct run *run);
