/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's side of broker.h: one synchronous question a function. The broker answers within
 * milliseconds (its own time limit for files that hang is 2 s). Every function returns 0 or a
 * negative errno with the broker's words, where it has some; -ECONNRESET and -EPIPE: it is gone.
 * Fds in outputs are new and the caller's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "daemon/broker.h"

struct err;
struct asker;

/* Takes the socket. NULL: no memory, and the socket is closed. */
struct asker *asker_new(int socket_take);
void asker_free(struct asker *asker);
/* For the event loop: readable or hung up outside a question means that the broker is gone. */
int asker_fd(const struct asker *asker);

/* *features: enum broker_load_feature; may be NULL. */
int asker_load(struct asker *asker, int fds[LOAD_FDS], uint64_t *features, struct err *err);
/* What a client may, by the configuration of the moment. */
struct asker_rights {
	bool everything; /* record every process; else one that has exec'ed, or was forked while it
			  * is held, is to be taken again */
	bool off_cpu;	 /* waits, too */
	uint32_t hz_max; /* UINT32_MAX: no limit but the kernel's */
	uint64_t bytes_max;	   /* what a recording may make the engine hold */
	uint32_t overhead_percent; /* of a CPU, that all recordings together may cost; 0: any */
};
/* The session is of who is at the other end of `client`, borrowed. */
int asker_session(struct asker *asker, uint32_t session, int client, struct asker_rights *rights,
		  struct err *err);
/* Of `wanted`, session, event, period_ns and cpus. Fills events[] and links[] by CPU, -1 where
 * none; the number of events opened is the result (0 or more), negative errno on failure. */
int asker_events(struct asker *asker, const struct broker_request *wanted, int events[CPUS_MAX],
		 int links[CPUS_MAX], struct err *err);
/* One event a CPU for sideband.h; their number is the result. */
int asker_sideband(struct asker *asker, int events[CPUS_MAX], struct err *err);
/* pidfd: -1 or borrowed. *maps_fd: -1 for a kernel thread. -ESRCH: gone. */
int asker_take(struct asker *asker, uint32_t session, uint32_t pid, int pidfd, uint32_t flags,
	       int *maps_fd, struct err *err);
int asker_take_thread(struct asker *asker, uint32_t session, uint32_t tid, struct err *err);
int asker_take_all(struct asker *asker, uint32_t session, struct err *err);
/* -ENOENT: the process is not taken (any more). */
int asker_space(struct asker *asker, uint32_t pid, uint32_t space, struct err *err);
int asker_threads(struct asker *asker, uint32_t session, int *fd, struct err *err);
int asker_sleepers(struct asker *asker, uint32_t session, int *fd, struct err *err);
struct asker_dropped {
	uint64_t revoked; /* processes that the client might not record any more */
	uint64_t skipped; /* hits of its tracepoint, see tracepoints_skipped() */
};
/* After its events are closed. *dropped may be NULL. */
int asker_drop(struct asker *asker, uint32_t session, struct asker_dropped *dropped,
	       struct err *err);
/* *maps_fd: -1 for a kernel thread. -ENOENT: not taken; -ESRCH: gone. */
int asker_maps(struct asker *asker, uint32_t pid, int *maps_fd, struct err *err);
/* start, end: exactly as /proc/PID/maps has them; dev: makedev() of that line. The object's
 * identity is what fstat() says of *fd. Codes: see BROKER_MAPPED_FILE. */
int asker_mapped_file(struct asker *asker, uint32_t pid, uint64_t start, uint64_t end, uint64_t dev,
		      uint64_t inode, int *fd, struct err *err);
/* *next: where to go on if it was the wrong one. */
int asker_debug_file(struct asker *asker, const struct broker_debug_file *wanted, uint32_t pid,
		     uint32_t *next, int *fd, struct err *err);
int asker_perf_map(struct asker *asker, uint32_t pid, int *fd, struct err *err);
int asker_kallsyms(struct asker *asker, uint64_t *stext, int *fd, struct err *err);
/* *socket: packets of common/worker.h. -EAGAIN: WORKERS_MAX are alive. */
int asker_worker(struct asker *asker, int *socket, int *pid, struct err *err);
/* For one that takes too long or says nonsense. */
int asker_end_worker(struct asker *asker, int pid, struct err *err);
/* For the watchdog (BROKER_PING). *cpu_ns: the CPU time of broker and workers; may be NULL. */
int asker_ping(struct asker *asker, uint64_t *cpu_ns, struct err *err);
/* The opposite of asker_load(), whose maps live on while they are open here. Negative: all stays.
 */
int asker_unload(struct asker *asker, struct err *err);
/* Clients' sockets that this process does not want to be the last to close (discards.h). 0: closed
 * here, and going there; negative: they are open still. */
int asker_discard(struct asker *asker, const int *sockets, uint32_t n, struct err *err);
/* What `client` may record: *pids is a file of uint32_t, -1: every process. */
int asker_list(struct asker *asker, int client, int *pids, struct err *err);
