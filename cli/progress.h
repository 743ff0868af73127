/* SPDX-License-Identifier: Apache-2.0 */
/* What `probe record` says while it runs, on stderr: what is recorded, a bar on a terminal, what
 * was written. Text from the engine is escaped here. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct Probe__Finished;
struct Probe__Progress;

struct progress {
	FILE *out;
	bool bar;	      /* a terminal that nobody else writes to */
	bool shown;	      /* a bar stands in the last line */
	uint64_t duration_ns; /* 0: no end is known */
};

enum {
	PROGRESS_TEXT = 32
};

/* `command_runs`: CMD has the same terminal, so no bar is drawn over its output. */
void progress_init(struct progress *progress, FILE *out, uint64_t duration_ns, bool command_runs);

struct progress_started {
	const char *name; /* of the target, or NULL */
	uint32_t pid;	  /* 0: none */
	uint32_t processes, threads;
	double hz;
	int mode;	     /* enum Probe__Record__Mode */
	const char *event;   /* NULL: time */
	const char *command; /* CMD that ends the recording, or NULL */
	uint64_t every_ns;   /* a file for each so long; 0: one file */
	uint64_t for_ns;     /* 0: no end is known */
};
/* "Profiling nginx (4242), 3 processes, 8 threads: cpu at 99 Hz, for 30s. …" */
void progress_started(struct progress *progress, const struct progress_started *started);
/* Draws the bar, where there is one. */
void progress_update(struct progress *progress, const struct Probe__Progress *update);
/* Removes the bar. */
void progress_clear(struct progress *progress);
/* "Wrote FILE  1,901 samples, …" and, if it is pprof, the next steps. `bytes` 0: not known.
 * `names_hint`: what would give the file that `finished` tells of names; NULL: nothing. */
void progress_wrote(struct progress *progress, const struct Probe__Finished *finished,
		    const char *path, uint64_t bytes, const char *names_hint, bool is_pprof);
/* Whether so much is known by an address only that it is said. */
bool progress_lacks_names(const struct Probe__Finished *finished);

/* "1,204" */
const char *progress_count(char text[PROGRESS_TEXT], uint64_t n);
/* "61 kB" */
const char *progress_size(char text[PROGRESS_TEXT], uint64_t bytes);
/* "1h30m", "30s", "2.5s", "500ms" */
const char *progress_duration(char text[PROGRESS_TEXT], uint64_t ns);
