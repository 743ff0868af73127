/* SPDX-License-Identifier: Apache-2.0 */
/* One recording: its targets, events, samples and losses, from the request to the last count.
 * Naming and writing come after: build.h, packer.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "bpf/types.h"
#include "common/err.h"
#include "common/protocol.pb-c.h"
#include "daemon/asker.h"
#include "daemon/counters.h"
#include "daemon/events.h"
#include "daemon/gaps.h"
#include "daemon/members.h"
#include "daemon/tally.h"
#include "daemon/threads.h"
#include "daemon/times.h"

struct sampler;

enum session_state {
	SESSION_WAITING, /* for a process of that name (--comm --wait) */
	SESSION_LOADING, /* the unwind tables of the targets are under way */
	SESSION_SAMPLING,
	SESSION_STOPPED,
};

struct session {
	struct sampler *sampler;
	const Probe__Record *request; /* borrowed for its life */
	enum session_state state;
	uint32_t slot;
	double hz;
	uint64_t period_ns;
	struct events events;
	uint64_t begun_ns;   /* CLOCK_MONOTONIC: of the request */
	uint64_t look_ns;    /* when it looks again for the awaited process */
	uint64_t loading_ns; /* since it waits for tables */
	uint64_t started_ns, stopped_ns;
	int64_t start_time_ns; /* of day */
	Probe__Finished__Reason reason;
	struct members members;
	uint32_t n_threads; /* at the start */
	uint32_t first_pid;
	char name[64];	      /* comm of the first target, raw */
	uint32_t main_object; /* what its first executable mapping holds; 0: not known */
	struct threads threads;
	struct gaps gaps;
	struct tally tally;
	struct times times;
	bool times_known;
	char times_problem[128]; /* why they are not, and what was waited for is not either */
	uint64_t reading_ns;	 /* that both readings of all threads took */
	/* The events' counts in periods, and what the programs counted: both summed when it stops.
	 */
	struct counters_sum start, sum;
	uint64_t skipped; /* hits of a tracepoint, whosever, that the kernel told no program of */
	uint64_t lost_unknown;		    /* samples whose stack body never came */
	uint64_t lost_waits, lost_waits_ns; /* waits likewise */
	uint64_t lost_wakers;		    /* waits of whose waker only the stack is not known */
	uint32_t lost_sleepers;	    /* threads that slept at the end, whose stack is not known */
	uint64_t off_period_ns;	    /* the highest that waits were taken by */
	uint64_t stolen, all_time;  /* the machine's clock ticks meanwhile */
	uint64_t checked_ns;	    /* when the targets were last looked after */
	struct asker_rights rights; /* of the client */
	uint32_t uid;		    /* of the client */
	uint32_t weighed_rows;	    /* when its memory was last added up … */
	uint64_t held_bytes;	    /* … to this */
	uint64_t drained_ns;	    /* while it took targets */
	bool too_large;		    /* more than the client may hold: it ends */
	uint32_t n_refused;	    /* that would be targets, but the client may not record them */
};

/* A new session, not started, for who is at the other end of `client` (borrowed, only here).
 * `request` is checked here: ERR_USAGE words for what cannot be; ERR_PERMISSION, ERR_FAILED for a
 * client that is not served. */
int session_new(struct sampler *sampler, const Probe__Record *request, int client,
		struct session **session, struct err *err);
/* Ends sampling if it runs, and frees. */
void session_free(struct session *session);
/* Takes the targets and starts the events. pidfds (borrowed) as in protocol.proto. 0, or 0 with
 * state SESSION_WAITING or SESSION_LOADING; negative errno with words. */
int session_start(struct session *session, const int *pidfds, uint32_t n_pidfds, struct err *err);
/* Once in a while (100 ms): looks for the awaited process, for targets that ended, for the end of
 * time. Stops the session when it is over. */
int session_tick(struct session *session, struct err *err);
/* Events off, the last samples taken, counts summed. Idempotent. */
void session_stop(struct session *session, Probe__Finished__Reason reason);
/* Samples and waits; of these, waits (once it has stopped). */
uint64_t session_lost(const struct session *session);
uint64_t session_lost_waits(const struct session *session);

/* From the ring, by sampler.c. */
void session_on_sample(struct session *session, const struct sample_event *sample,
		       struct tally_stacks stacks);
/* stacks NULL: a body never came. */
void session_on_wait(struct session *session, const struct wait_event *wait,
		     const struct tally_stacks *stacks);
void session_on_fork(struct session *session, uint32_t pid, const char *comm);
void session_on_exec(struct session *session, uint32_t pid, const char *comm);
void session_on_exit(struct session *session, uint32_t pid, const char *comm);
/* What the client should know of how it ended; false: nothing. */
bool session_note(const struct session *session, char *text, size_t n);
/* After an exec, and of a child that is held: has it judged anew. */
void session_on_held(struct session *session, uint32_t pid, const char *comm);
/* A target, and alive. */
bool session_has(const struct session *session, uint32_t pid);
/* What is recorded. */
bool session_samples(const struct session *session);
bool session_waits(const struct session *session);
bool session_is_snapshot(const struct session *session);
/* What is sampled, by its name, and how often; 0: whenever it happens. */
const char *session_event(const struct session *session);
double session_hz(const struct session *session);
/* Whether samples stand for time, and not for another event. */
bool session_is_timed(const struct session *session);
/* 0: until it is stopped. */
uint64_t session_duration_ns(const struct session *session);
