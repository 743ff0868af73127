/* SPDX-License-Identifier: Apache-2.0 */
/* One recording as the client lives it: asks the engine, lets CMD go when sampling runs, watches
 * signals, CMD and the engine, and collects the profile. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/output.h"
#include "cli/resources.h"

struct daemon_link;
struct err;
struct progress;
struct record_args;
struct record_child;
struct record_turn;
struct Probe__Message;

struct record_session {
	/* Given, borrowed. The target is open. */
	const struct record_args *args;
	struct daemon_link *link;
	struct record_child *child; /* CMD, started and held; pid 0: none */
	int signals;		    /* a signalfd of SIGINT, SIGTERM, SIGHUP */
	struct progress *progress;
	const struct record_turn *turn; /* NULL: it is the only one */
	bool quiet;			/* no words when sampling begins, nor what it uses */
	/* Results, owned. */
	struct Probe__Message *started, *finished;
	struct output_profile profile;
	struct resources resources;
	bool interrupted; /* by a signal */
	bool child_ended;
	/* Private. */
	bool asked_to_stop;
	int64_t interrupted_ms;
};

/* 0: finished, all results are there (the profile is empty if nothing was sampled). Negative errno
 * with words: ERR_ABANDONED (second Ctrl-C), CMD that cannot be run, what the engine said, or that
 * it is gone. */
int record_session_run(struct record_session *session, struct err *err);
/* What the target is called, for people and file names. */
const char *record_session_name(const struct record_session *session);
/* 0: no process in particular. */
uint32_t record_session_pid(const struct record_session *session);
void record_session_deinit(struct record_session *session);
