/* SPDX-License-Identifier: Apache-2.0 */
/* The BPF programs as the broker holds them: loading, attaching, events, and the filter, which only
 * the broker may write. Used by operations.c; in tests also directly. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "daemon/broker.h"

struct err;
struct programs;

/* Opens, loads and attaches (fork, exec, exit); reads _stext. Words name a missing capability, BTF
 * or BPF, with `perf record -p PID -g …` as what still works. */
int programs_load(struct programs **programs, struct err *err);
void programs_free(struct programs *programs);

/* Borrowed fds in the order of enum broker_load_fd. */
void programs_fds(const struct programs *programs, int fds[LOAD_FDS]);
uint64_t programs_stext(const struct programs *programs);

/* What this kernel's BPF can do of what not every recording needs: bits of LOAD_WAITS, … */
uint32_t programs_features(const struct programs *programs);

struct programs_event {
	uint32_t session;
	uint32_t event;		/* number in event_names */
	uint64_t period_ns;	/* of cpu-clock; of others on average, whatever they count */
	const char *tracepoint; /* of EVENT_TRACEPOINT: which; on whatever CPU it is met */
};
/* One such event on `cpu`, disabled, with the sampler linked to it with cookie = session. New fds.
 * -ENODEV: this CPU is off line; -ENOENT: it does not count that. */
int programs_open_event(struct programs *programs, const struct programs_event *wanted, int cpu,
			int *event, int *link, struct err *err);
/* Of the session's tracepoint, see tracepoints_skipped(); 0 where it has none. */
uint64_t programs_skipped(const struct programs *programs, uint32_t session);

/* A dummy event on `cpu`, disabled, beside which the kernel tells what any process maps, and that
 * it has a new image: sideband.h. -ENODEV as above. */
int programs_open_sideband(int cpu, int *event, struct err *err);

/* Threads of all sessions: a new fd to read `struct thread_times` from, till its end, by any
 * process. From now until programs_drop() the ring tells what threads end, too (EVENT_THREAD), and
 * if the session's config has SESSION_OFF, their waits (EVENT_WAIT). */
int programs_threads(struct programs *programs, uint32_t session, int *iterator, struct err *err);

/* Threads of the session that are off the CPU: a new fd to read `struct sleeper` from. A target can
 * keep who reads its memory waiting: after three seconds it is over, and the rest is not told.
 * -ENOTSUP: this kernel cannot. */
int programs_sleepers(struct programs *programs, uint32_t session, int *iterator, struct err *err);

/* Filter, for a client that may profile any process (struct filter, keep). `flags`: enum
 * broker_take_flags. -ENOSPC: FILTER_MAX reached; -ESRCH: the process has exited. */
int programs_take(struct programs *programs, uint32_t session, uint32_t tgid, uint32_t flags,
		  struct err *err);
/* For other clients: its samples are only counted from here on (*execs: of which image) until the
 * process was judged, and is released or dropped. TAKE_AGAIN: -ESRCH when the session has not taken
 * it (any more), else an entry is made, which an exit before this moment does not remove. */
int programs_hold(struct programs *programs, uint32_t session, uint32_t tgid, uint32_t flags,
		  uint32_t *execs, struct err *err);
/* Judged well: taken. -EAGAIN: held still, for it has another image since; -ESRCH: has exited. */
int programs_release(struct programs *programs, uint32_t session, uint32_t tgid, uint32_t flags,
		     uint32_t execs);
/* Those that take it, for clients that may not record every process. */
uint64_t programs_judged(struct programs *programs, uint32_t tgid);
/* All processes in the filter; their number. *pids is the caller's; NULL: none, or no memory. */
size_t programs_pids(struct programs *programs, uint32_t **pids);
/* The session's bits leave this entry. */
void programs_drop_process(struct programs *programs, uint32_t session, uint32_t tgid);
int programs_take_thread(struct programs *programs, uint32_t session, uint32_t tid,
			 struct err *err);
int programs_take_all(struct programs *programs, uint32_t session, struct err *err);
/* 0, or -ENOENT: the process is not taken (any more). With a session that takes all, an entry is
 * made. */
int programs_set_space(struct programs *programs, uint32_t tgid, uint32_t space);
/* Takes the session's bit out of everything; entries without sessions go. */
int programs_drop(struct programs *programs, uint32_t session);
/* Whether any session takes it, or one takes all; not while it is only held. */
bool programs_takes(struct programs *programs, uint32_t tgid);
