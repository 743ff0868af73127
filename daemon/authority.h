/* SPDX-License-Identifier: Apache-2.0 */
/* Whose each session is, and what its client may record: the broker's, which believes the engine
 * nothing. A session begins with the client's own socket, from which the broker reads who that is
 * (peer.h). Root, and the members of the configured group, may record every process; all others
 * what the kernel would show them (verdict.h).
 *
 * What stands in the way of an engine that was taken over: it has no call that makes sockets, and
 * of those that a client hands it, only connections that were accepted where the daemon listens
 * are taken (by the address; other ends of other sockets show someone else's credentials). A
 * session ends when its client's end of the socket is closed, which the broker sees itself. So the
 * engine can do for a client what that client may, while it is connected, and nothing else. */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "bpf/types.h"
#include "daemon/config.h"
#include "daemon/errand.h"
#include "daemon/peer.h"

struct err;

enum {
	/* A CPU that was off line gets its event anew. */
	AUTHORITY_OPENINGS = 4,
};

struct authority {
	struct config config;
	const char *config_path; /* read again by authority_reload() */
	bool listening;		 /* for clients, at `name`; else there is one, on `cookie` */
	struct sockaddr_un name; /* zero-padded */
	socklen_t n_name;
	uint64_t cookie;
	struct authority_session {
		bool begun;
		bool everything; /* may record every process */
		bool off_cpu;	 /* and this by the configuration that held when it began */
		uint32_t hz_max; /* UINT32_MAX: not limited */
		uint64_t bytes_max;
		uint32_t overhead_percent; /* of a CPU; 0: no ceiling */
		/* Of its events; period 0: none yet. */
		uint32_t hz, event;
		uint64_t period_ns;
		uint8_t opened[CPUS_MAX]; /* so often */
		struct peer peer;
		struct errand judge; /* verdict.h */
		int client;	     /* its socket, to see it close; -1: not begun */
	} sessions[SESSIONS_MAX];
};

/* `socket`, borrowed: what the engine listens on, or its only client's. */
int authority_init(struct authority *authority, const struct config *config, int socket,
		   struct err *err);
void authority_deinit(struct authority *authority);
/* Reads the configuration again, for sessions that begin from now on; with a mistake in it, what
 * held holds. Says which in the diary. */
void authority_reload(struct authority *authority);

/* A session for who is at the other end of `socket`. -EPROTO: it has begun already, or this is no
 * client's socket; ERR_PERMISSION, ERR_FAILED with words: not served. */
int authority_begin(struct authority *authority, uint32_t session, int socket, struct err *err);
void authority_end(struct authority *authority, uint32_t session);
/* The sockets of all sessions' clients, to be polled, and which session each is of: whatever comes
 * back of one, its client has gone. How many: poll() takes no more than RLIMIT_NOFILE. */
nfds_t authority_watch(const struct authority *authority, struct pollfd clients[SESSIONS_MAX],
		       uint32_t sessions[SESSIONS_MAX]);
bool authority_has_begun(const struct authority *authority, uint32_t session);
/* Whether its client may record every process. */
bool authority_is_everything(const struct authority *authority, uint32_t session);

/* Before events of this kind and period: 0, or words for who samples too often already, or who may
 * not record every process and asks for a tracepoint. -EPROTO: the session has others. */
int authority_check_events(struct authority *authority, uint32_t session, uint32_t event,
			   uint64_t period_ns, struct err *err);
/* Before one is opened on `cpu`, of those that were checked. False: it was so often already that
 * they might be there all at once. */
bool authority_open_event(struct authority *authority, uint32_t session, int cpu);
/* Sessions that have begun. */
uint32_t authority_count(const struct authority *authority);
/* Whether there is one whose client may not. */
bool authority_judges(const struct authority *authority);

/* 0, or words for who may not record every process. */
int authority_judge_all(const struct authority *authority, uint32_t session, struct err *err);
/* As verdict_read_maps(), with words. */
int authority_judge(struct authority *authority, uint32_t session, uint32_t pid, int *maps,
		    struct err *err);
/* Whether a process, which was judged well, needs it again: it changed its uid, or hides. */
bool authority_is_changed(const struct authority *authority, uint32_t session, uint32_t pid);
/* All processes that who is on `socket` may record: a file of uint32_t; none (-1): every one. */
int authority_list(const struct authority *authority, int socket, int *pids, struct err *err);
