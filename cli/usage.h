/* SPDX-License-Identifier: Apache-2.0 */
/* What processes and all their descendants use, read from /proc (proc(5)), which anybody may read
 * but for I/O and open files: those of one's own processes, or root all. What a child used that
 * ended is not lost: the kernel adds it to its parent's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct usage;

enum usage_kind {
	USAGE_CPU, /* nanoseconds */
	USAGE_RSS, /* bytes */
	USAGE_THREADS,
	USAGE_PROCESSES,
	USAGE_VOLUNTARY, /* context switches: it waited */
	USAGE_INVOLUNTARY,
	USAGE_MINOR_FAULTS,
	USAGE_MAJOR_FAULTS,
	USAGE_READ, /* bytes, of storage */
	USAGE_WRITTEN,
	USAGE_FDS,
	USAGE_KINDS,
};

struct usage_about {
	const char *name; /* "rss" */
	const char *unit; /* as pprof's: "nanoseconds", "bytes", "count" */
	bool adds_up;	  /* a reading is what came since the one before; else what is there now */
};
extern const struct usage_about usage_about[USAGE_KINDS];

struct usage_reading {
	uint64_t value[USAGE_KINDS];
	unsigned known; /* bit USAGE_…: it could be read, of all processes */
	bool ended;	/* no process is left (a zombie is none) */
};

/* Of these processes, and with `children` of their descendants, now and later. */
struct usage *usage_new(const uint32_t *pids, size_t n, bool children);
void usage_free(struct usage *usage);
/* What was used since the last call (the first one begins to count), and what is there. */
void usage_read(struct usage *usage, struct usage_reading *reading);

/* The processes of this name (their comm, of which the kernel keeps 15 bytes): how many, up to
 * `room`. */
size_t usage_find(const char *comm, uint32_t *pids, size_t room);
