/* SPDX-License-Identifier: Apache-2.0 */
/* The broker: the only process with capabilities. It opens events, programs, maps and mapped files
 * for the engine, judges targets, parses nothing that a target wrote, and keeps no copy of what it
 * passed on. This header is the whole contract between the two: one request packet, one reply
 * packet (struct broker_reply first), in order. The engine's side is asker.h.
 *
 * The filter map is the broker's alone: the engine gets no fd of it. An engine that was taken over
 * can ask only for what clients may that are connected (authority.h): their processes' stacks, maps
 * and mapped programs (to read), and their users' files that are called `*.debug`. It also sees
 * what files any process maps (BROKER_SIDEBAND), and no other file, event or program than those
 * named here. */
#pragma once

#include <stdint.h>
#include "bpf/types.h"
#include "daemon/discards.h"

struct authority;

enum broker_op {
	/* → 1 reply with fds in the order of enum broker_load_fd. Once in a broker's life. */
	BROKER_LOAD = 1, /* reply.value: enum broker_load_feature */
	/* session (+ 1 fd: the client's socket) → the session is its client's from now on, until
	 * BROKER_DROP. Before all that names a session. reply.rights, hz_max, value: bytes that it
	 * may make the engine hold. */
	BROKER_SESSION,
	/* session, event (event_names.h), period_ns (of other events than cpu-clock on average),
	 * cpu set → one event fd and one link fd a CPU, in turn, events
	 * disabled. CPUs that are off line or not there are missing in the reply's cpus. Repeated
	 * with `first_cpu` while `more`. */
	BROKER_EVENTS,
	/* CPU set → one fd a CPU, as BROKER_EVENTS without links: what is mapped (sideband.h) */
	BROKER_SIDEBAND,
	/* session, pid, flags (+ 1 fd: pidfd; none: opened here) → judges and takes the process.
	 * Reply: 1 fd, what /proc/PID/maps says (engine parses), absent for a kernel thread.
	 * -ESRCH: it is gone, or is a thread; -EACCES: the client may not. To be asked for again
	 * (TAKE_AGAIN) after an exec of a process, and for a child that is held, unless the client
	 * may record every process. */
	BROKER_TAKE,
	/* session, tid of a taken process: this thread too (-t) */
	BROKER_TAKE_THREAD,
	/* session: everything (-a); judged: root and group probe only */
	BROKER_TAKE_ALL,
	/* pid, space: the slot its walks use from now on (also after an exec) */
	BROKER_SPACE,
	/* session → fd of struct thread_times of every thread taken, as often as asked. The first
	 * of a session begins its times, and its waits when its config has SESSION_OFF by then. */
	BROKER_THREADS,
	/* session → fd of struct sleeper of every thread taken that is off the CPU, as above */
	BROKER_SLEEPERS,
	/* session ends: its bit leaves every entry. reply.value: so many processes had left before,
	 * for the client might not record them any more; reply.skipped: tracepoints.h */
	BROKER_DROP,
	/* pid of a taken process (or any, with a session that takes all) → fd of what
	 * /proc/PID/maps says, absent for a kernel thread. -ETIMEDOUT: the process keeps who reads
	 * it waiting */
	BROKER_MAPS,
	/* pid, start, end, dev (as makedev() has it), inode → fd of the mapped file, read-only, a
	 * regular file, identity compared with the mapping. Reply -ENOENT gone or not a file,
	 * -ESTALE another file, -EACCES not executable, -EOPNOTSUPP on a user's FUSE, -ETIMEDOUT
	 * its file system hangs, or did within the last minute (hung.h). */
	BROKER_MAPPED_FILE,
	/* debug_file, pid of a taken process (else only the host's root counts) → fd of a debug
	 * file (debug_files.h), read-only; reply.more: ask with this
	 * `first` if it was the wrong one. -ENOENT: none */
	BROKER_DEBUG_FILE,
	/* → fd of /proc/kallsyms, opened with the right to see addresses; reply.value: _stext */
	BROKER_KALLSYMS,
	/* → fd of a packet socket to a new worker (probe-symbolizer); reply.value: its pid.
	 * -EAGAIN: WORKERS_MAX are alive. */
	BROKER_WORKER,
	/* pid of a taken process → fd of its /tmp/perf-PID.map (perf_map.h). -ENOENT: none;
	 * -EACCES: not fit; -EOPNOTSUPP, -ETIMEDOUT as above */
	BROKER_PERF_MAP,
	/* pid: of a worker that takes too long or says nonsense → it is killed */
	BROKER_END_WORKER,
	/* The engine's loop turns: once in a while, for the service manager's watchdog.
	 * reply.value: CPU time in ns, the broker's and its workers' */
	BROKER_PING,
	/* (+ 1 fd: a client's socket) → fd of uint32_t, the processes that it may record; none: all
	 * of them */
	BROKER_LIST,
	/* discards: fds of the engine, which a child holds from now on; none: they are closed
	 * there, and the child may end (discards.h) */
	BROKER_DISCARD,
	/* nothing → what BROKER_LOAD made goes. Not while there are sessions */
	BROKER_UNLOAD,
};

enum broker_load_fd {
	LOAD_RING,	    /* events, BPF_MAP_TYPE_RINGBUF */
	LOAD_SESSIONS,	    /* struct session_config[SESSIONS_MAX] */
	LOAD_SPACES,	    /* struct space[SPACES_MAX] */
	LOAD_MAPPINGS,	    /* struct mapping[MAPPINGS_MAX] */
	LOAD_COUNTERS,	    /* struct cpu_counters[CPUS_MAX] */
	LOAD_TICKS,	    /* struct ticks[SESSIONS_MAX * CPUS_MAX] */
	LOAD_SEEN,	    /* u64[SEEN_MAX] */
	LOAD_UNWIND_TABLES, /* the four arrays of bpf/unwind_types.h */
	LOAD_UNWIND_PAGES,
	LOAD_UNWIND_ROWS,
	LOAD_UNWIND_RULES,
	LOAD_LIFE, /* link of fork … kept open while anything records */
	LOAD_LIFE_EXEC,
	LOAD_LIFE_EXIT,
	LOAD_FDS,
};

/* What not every kernel's BPF can do. */
enum broker_load_feature {
	LOAD_WAITS = 1 << 0,	/* SESSION_OFF; the hook is irq_work_entry */
	LOAD_SLEEPERS = 1 << 1, /* BROKER_SLEEPERS */
};

enum broker_take_flags {
	TAKE_CHILDREN = 1 << 0, /* and what it forks later */
	TAKE_ON_EXEC = 1 << 1,	/* from its next exec on */
	TAKE_THREADS = 1 << 2,	/* only threads named by BROKER_TAKE_THREAD */
	TAKE_AGAIN = 1 << 3,	/* after an exec: only what the session has already */
};

/* What tells where it may lie. Texts have a NUL. */
struct broker_debug_file {
	uint32_t n_build_id;
	uint8_t build_id[32];
	char link[64];	     /* .gnu_debuglink: a name, or "" */
	char alt_link[128];  /* .gnu_debugaltlink: below /usr/lib/debug/.dwz, or "" */
	char directory[256]; /* of the mapped file, as maps have it, or "" */
	uint32_t uid;	     /* the mapped file's owner */
	uint64_t device;     /* and st_dev */
	uint32_t first;	     /* candidate to begin with */
	uint32_t pad;
};

struct broker_request {
	uint32_t op; /* enum broker_op */
	uint32_t session;
	uint32_t pid;
	uint32_t tid;
	uint32_t flags;
	uint32_t space;
	uint64_t period_ns;
	uint32_t first_cpu;
	uint32_t event;
	uint64_t cpus[CPUS_MAX / 64]; /* wanted, a bit a CPU */
	char tracepoint[80];	      /* the name of EVENT_TRACEPOINT, NUL-terminated */
	uint64_t start, end;	      /* BROKER_MAPPED_FILE */
	uint64_t dev, inode;
	struct broker_debug_file debug_file;
	int32_t discards[DISCARDS_AT_ONCE]; /* BROKER_DISCARD */
	uint32_t n_discards;
	uint32_t pad;
};

struct broker_reply {
	int32_t code;	/* 0 or negative errno; -EPROTO: no request of ours looks like that */
	int32_t status; /* enum err_status when code < 0 and words are there */
	uint64_t value, skipped;
	uint32_t more; /* ask again with this first_cpu; 0: done */
	uint32_t hz_max;
	uint32_t rights; /* enum broker_rights */
	uint32_t overhead_percent;
	uint64_t cpus[CPUS_MAX /
		      64]; /* BROKER_EVENTS: CPUs whose fds are in this reply, ascending */
	char msg[320];	   /* words for people, or "" */
	char hint[320];
};

enum broker_rights {
	BROKER_MAY_EVERYTHING = 1 << 0, /* record every process */
	BROKER_MAY_OFF_CPU = 1 << 1,
};

enum {
	/* The kernel's own lower bound of a cpu-clock event. */
	PERIOD_MIN_NS = 10000,
};

/* Serves the engine on `socket` until it closes, then ends every worker that is left. `program` is
 * probe-symbolizer, opened (-1: not there). `reload`: a signalfd, whose every signal means that the
 * configuration is to be read again; -1: none. `engine`: its pidfd, or -1. All borrowed. Runs as
 * the process: ignores SIGCHLD. Tells the service manager how it goes (sd_notify(3)). Returns its
 * exit status. */
int broker_run(int socket, int program, int reload, int engine, struct authority *authority);
