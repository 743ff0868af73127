/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's side of the protocol, for tests of the client: `probe` runs in a child, with files
 * for its output, in a directory of its own, and talks to the test over a socket there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct Probe__Message;
struct wire;

struct scripted {
	char directory[64];
	int was; /* the directory before */
	int listener;
	pid_t pid; /* of probe */
	struct wire *wire;
	int status;	/* after scripted_end(): its exit status, -signal where killed */
	char err[4096]; /* and what it said on stderr */
};

/* `line` is split at blanks; starts `probe --socket … line` and takes its connection. */
void scripted_begin(struct scripted *engine, const char *line);
/* The same without waiting for a connection. */
void scripted_begin_alone(struct scripted *engine, const char *line);
/* Probe has not ended yet. */
bool scripted_runs(const struct scripted *engine);
/* Takes the next connection as `wire`; the one before is the caller's. */
void scripted_accept(struct scripted *engine);
/* Waits for probe to end. Returns its status. */
int scripted_end(struct scripted *engine);
/* Removes the directory; the number of files that were in it beside probe's output. */
int scripted_clean(struct scripted *engine);

/* Waits for a message of this kind; the caller frees it. NULL: it hung up, or it is another. */
struct Probe__Message *scripted_hear(struct scripted *engine, int kind);
void scripted_say(struct scripted *engine, const struct Probe__Message *message);
/* Hello both ways, Record (returned), Started with this name and pid. */
struct Probe__Message *scripted_start(struct scripted *engine, const char *name, uint32_t pid);
void scripted_say_started(struct scripted *engine, const char *name, uint32_t pid, double hz);
/* Chunks of the zstd form, 7 bytes each, then Finished. */
void scripted_finish(struct scripted *engine, const char *profile, uint64_t samples, int reason);
/* The path of the only file beside probe's output, or "". */
const char *scripted_file(struct scripted *engine);
