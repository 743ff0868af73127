/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/operations.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/guard.h"
#include "common/packet.h"
#include "daemon/authority.h"
#include "daemon/broker.h"
#include "daemon/debug_files.h"
#include "daemon/event_names.h"
#include "daemon/perf_map.h"
#include "daemon/programs.h"
#include "daemon/take.h"
#include "daemon/target_files.h"

enum {
	/* An event and a link a CPU fill the packet. */
	CPUS_A_REPLY = LIMIT_PACKET_FDS / 2,
};

static void answer_add(struct answer *answer, int fd)
{
	answer->fds[answer->n_fds++] = fd;
}

/* Every operation gets a request of the right size; 0 or a negative errno. `fd` is the one that
 * came along, borrowed, or -1. */
typedef int handler(struct operations *state, const struct broker_request *request, int fd,
		    struct answer *answer, struct err *err);

static int on_load(struct operations *state, const struct broker_request *request, int fd,
		   struct answer *answer, struct err *err)
{
	if (state->programs)
		return -EPROTO;
	int code = programs_load(&state->programs, err);
	if (code)
		return code;
	programs_fds(state->programs, answer->fds);
	answer->reply.value = programs_features(state->programs);
	answer->n_fds = LOAD_FDS;
	answer->borrowed = true;
	return 0;
}

/* For a daemon at rest: maps of 40 MB go. Refused while there are sessions. */
static int on_unload(struct operations *state, const struct broker_request *request, int fd,
		     struct answer *answer, struct err *err)
{
	if (authority_count(state->authority))
		return -EPROTO;
	programs_free(state->programs);
	state->programs = NULL;
	return 0;
}

static int on_session(struct operations *state, const struct broker_request *request, int fd,
		      struct answer *answer, struct err *err)
{
	int code = fd < 0 ? -EPROTO : authority_begin(state->authority, request->session, fd, err);
	if (code)
		return code;
	state->revoked[request->session] = 0;
	const struct authority_session *session = &state->authority->sessions[request->session];
	answer->reply.rights = (session->everything ? BROKER_MAY_EVERYTHING : 0) |
			       (session->off_cpu ? BROKER_MAY_OFF_CPU : 0);
	answer->reply.hz_max = session->hz_max;
	answer->reply.overhead_percent = session->overhead_percent;
	answer->reply.value = session->bytes_max;
	return 0;
}

static int on_ping(struct operations *state, const struct broker_request *request, int fd,
		   struct answer *answer, struct err *err)
{
	answer->reply.value = clock_ns(CLOCK_PROCESS_CPUTIME_ID) + workers_cpu_ns(&state->workers);
	sd_notifyf(0, "WATCHDOG=1\nSTATUS=%u recordings", authority_count(state->authority));
	return 0;
}

static int on_list(struct operations *state, const struct broker_request *request, int fd,
		   struct answer *answer, struct err *err)
{
	int pids = -1;
	int code = fd < 0 ? -EPROTO : authority_list(state->authority, fd, &pids, err);
	if (!code && pids >= 0)
		answer_add(answer, pids);
	return code;
}

/* Opens what `request` asks for on one CPU, into the answer. */
typedef int open_on_cpu(struct operations *state, const struct broker_request *request, int cpu,
			struct answer *answer, struct err *err);

static int each_cpu(struct operations *state, const struct broker_request *request,
		    struct answer *answer, open_on_cpu *open_one, struct err *err)
{
	long there = sysconf(_SC_NPROCESSORS_CONF);
	for (uint32_t cpu = request->first_cpu; cpu < CPUS_MAX && cpu < there; cpu++) {
		if (!(request->cpus[cpu / 64] >> cpu % 64 & 1))
			continue;
		if (answer->n_fds >= 2 * CPUS_A_REPLY - 1) {
			answer->reply.more = cpu;
			return 0;
		}
		int code = open_one(state, request, (int)cpu, answer, err);
		if (code == -ENODEV)
			continue;
		if (code)
			return code;
		answer->reply.cpus[cpu / 64] |= 1ull << cpu % 64;
	}
	return 0;
}

static int open_events(struct operations *state, const struct broker_request *request, int cpu,
		       struct answer *answer, struct err *err)
{
	int event, link;
	const struct programs_event wanted = {request->session, request->event, request->period_ns,
					      request->tracepoint};
	if (!authority_open_event(state->authority, request->session, cpu))
		return -EPROTO;
	int code = programs_open_event(state->programs, &wanted, cpu, &event, &link, err);
	if (code)
		return code;
	answer_add(answer, event);
	answer_add(answer, link);
	return 0;
}

static int on_events(struct operations *state, const struct broker_request *request, int fd,
		     struct answer *answer, struct err *err)
{
	if (request->period_ns < PERIOD_MIN_NS || request->event > EVENT_TRACEPOINT ||
	    !memchr(request->tracepoint, '\0', sizeof(request->tracepoint)))
		return -EPROTO;
	int code = authority_check_events(state->authority, request->session, request->event,
					  request->period_ns, err);
	return code ? code : each_cpu(state, request, answer, open_events, err);
}

static int open_sideband(struct operations *state, const struct broker_request *request, int cpu,
			 struct answer *answer, struct err *err)
{
	int event;
	int code = programs_open_sideband(cpu, &event, err);
	if (!code)
		answer_add(answer, event);
	return code;
}

static int on_sideband(struct operations *state, const struct broker_request *request, int fd,
		       struct answer *answer, struct err *err)
{
	return each_cpu(state, request, answer, open_sideband, err);
}

static int no_process(struct err *err, int code, uint32_t pid)
{
	if (code == -EINVAL) {
		err_set(err, -ESRCH, ERR_NO_PROCESS, "%u is a thread, not a process", pid);
		err_hint(err, "record one thread with -t %u", pid);
		return -ESRCH;
	}
	if (code == -ESRCH)
		return err_set(err, code, ERR_NO_PROCESS, "no process with PID %u", pid);
	if (code == -EPROTO)
		return err_set(err, code, ERR_FAILED,
			       "PID %u is another process here than for the client, or what it "
			       "passed is no pidfd: is it in another PID namespace?",
			       pid);
	return code;
}

/* Puts the maps of a process that may be looked at, into the answer. */
static int read_maps(uint32_t pid, struct answer *answer, struct err *err)
{
	int maps = -1;
	int code = target_files_maps(pid, &maps);
	if (code == -EACCES || code == -EPERM)
		return err_set(err, code, ERR_PERMISSION,
			       "cannot open the maps of process %u: CAP_SYS_PTRACE is needed", pid);
	if (code == -ETIMEDOUT)
		return err_set(err, code, ERR_FAILED,
			       "process %u keeps who reads its mappings waiting", pid);
	if (code)
		return no_process(err, code, pid);
	if (maps >= 0)
		answer_add(answer, maps);
	return 0;
}

/* For a client that may record every process. */
static int take_any(struct operations *state, const struct broker_request *request, int pidfd,
		    struct answer *answer, struct err *err)
{
	int code =
		programs_take(state->programs, request->session, request->pid, request->flags, err);
	if (!code)
		code = read_maps(request->pid, answer, err);
	/* Alive still: then its number was its own all the time. */
	if (!code)
		code = target_files_names(pidfd, request->pid);
	if (code)
		programs_drop_process(state->programs, request->session, request->pid);
	return code;
}

static int take_own(struct operations *state, const struct broker_request *request, int pidfd,
		    struct answer *answer, struct err *err)
{
	const struct take what = {.session = request->session,
				  .pid = request->pid,
				  .flags = request->flags,
				  .pidfd = pidfd};
	int maps;
	int code = take_judged(state->programs, state->authority, &what, &maps, err);
	if (!code)
		answer_add(answer, maps);
	return code;
}

static int on_take(struct operations *state, const struct broker_request *request, int fd,
		   struct answer *answer, struct err *err)
{
	if (request->flags & ~(TAKE_CHILDREN | TAKE_ON_EXEC | TAKE_THREADS | TAKE_AGAIN))
		return -EPROTO;
	int opened guard_fd = -1;
	int code = fd < 0 ? target_files_pidfd(request->pid, &opened) : 0;
	int pidfd = fd < 0 ? opened : fd;
	if (!code)
		code = target_files_names(pidfd, request->pid);
	if (!code)
		code = (authority_is_everything(state->authority, request->session)
				? take_any
				: take_own)(state, request, pidfd, answer, err);
	return no_process(err, code, request->pid);
}

static int on_take_thread(struct operations *state, const struct broker_request *request, int fd,
			  struct answer *answer, struct err *err)
{
	uint32_t pid;
	int code = target_files_process_of(request->tid, &pid);
	if (code)
		return err_set(err, code, ERR_NO_PROCESS, "no thread with TID %u", request->tid);
	if (!programs_takes(state->programs, pid))
		return -ENOENT;
	return programs_take_thread(state->programs, request->session, request->tid, err);
}

static int on_take_all(struct operations *state, const struct broker_request *request, int fd,
		       struct answer *answer, struct err *err)
{
	int code = authority_judge_all(state->authority, request->session, err);
	return code ? code : programs_take_all(state->programs, request->session, err);
}

static int on_space(struct operations *state, const struct broker_request *request, int fd,
		    struct answer *answer, struct err *err)
{
	if (request->space >= SPACES_MAX)
		return -EPROTO;
	return programs_set_space(state->programs, request->pid, request->space);
}

static int on_threads(struct operations *state, const struct broker_request *request, int fd,
		      struct answer *answer, struct err *err)
{
	int iterator;
	int code = programs_threads(state->programs, request->session, &iterator, err);
	if (!code)
		answer_add(answer, iterator);
	return code;
}

static int on_sleepers(struct operations *state, const struct broker_request *request, int fd,
		       struct answer *answer, struct err *err)
{
	int iterator;
	int code = programs_sleepers(state->programs, request->session, &iterator, err);
	if (!code)
		answer_add(answer, iterator);
	return code;
}

int operations_end_session(struct operations *state, uint32_t session)
{
	authority_end(state->authority, session);
	return state->programs ? programs_drop(state->programs, session) : 0;
}

static int on_drop(struct operations *state, const struct broker_request *request, int fd,
		   struct answer *answer, struct err *err)
{
	answer->reply.value = state->revoked[request->session];
	answer->reply.skipped = programs_skipped(state->programs, request->session);
	return operations_end_session(state, request->session);
}

static int on_maps(struct operations *state, const struct broker_request *request, int fd,
		   struct answer *answer, struct err *err)
{
	return read_maps(request->pid, answer, err);
}

static int on_mapped_file(struct operations *state, const struct broker_request *request, int fd,
			  struct answer *answer, struct err *err)
{
	const struct target_mapping mapping = {.pid = request->pid,
					       .start = request->start,
					       .end = request->end,
					       .dev = request->dev,
					       .inode = request->inode};
	int file guard_fd = -1;
	int code = target_files_mapped(&mapping, &file);
	if (code == -EPERM)
		err_set(err, code, ERR_PERMISSION,
			"cannot open the files of process %u: CAP_SYS_PTRACE, "
			"CAP_DAC_READ_SEARCH and CAP_CHECKPOINT_RESTORE are needed",
			request->pid);
	if (code == -EOPNOTSUPP)
		err_set(err, code, ERR_FAILED, "on a file system that a user serves");
	if (!code)
		answer_add(answer, steal_fd(file));
	return code;
}

/* Whether some client may see the process, as it is now. */
static bool may_show(struct operations *state, uint32_t pid)
{
	take_check(state->programs, state->authority, pid, state->revoked);
	return programs_takes(state->programs, pid);
}

/* In the root of a target that is there and does not hang, else in the host's alone. */
static int open_debug_file(struct operations *state, const struct broker_request *request,
			   uint32_t *next, int *file)
{
	const struct broker_debug_file *wanted = &request->debug_file;
	uint32_t pid = request->pid;
	int pidfd guard_fd = -1;
	if (pid && !target_files_pidfd(pid, &pidfd) && may_show(state, pid)) {
		int code = debug_files_open(wanted, pid, next, file);
		if (code ? code != -ETIMEDOUT
			 : may_show(state, pid) && !target_files_names(pidfd, pid))
			return code;
		if (!code)
			close(*file);
	}
	return debug_files_open(wanted, 0, next, file);
}

static int on_debug_file(struct operations *state, const struct broker_request *request, int fd,
			 struct answer *answer, struct err *err)
{
	int file;
	if (!debug_files_valid(&request->debug_file))
		return -EPROTO;
	int code = open_debug_file(state, request, &answer->reply.more, &file);
	if (!code)
		answer_add(answer, file);
	return code;
}

static int on_perf_map(struct operations *state, const struct broker_request *request, int fd,
		       struct answer *answer, struct err *err)
{
	int file, code = perf_map_open(request->pid, &file);
	if (!code)
		answer_add(answer, file);
	return code;
}

static int on_kallsyms(struct operations *state, const struct broker_request *request, int fd,
		       struct answer *answer, struct err *err)
{
	int file = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return err_set(err, -errno, ERR_FAILED, "cannot open /proc/kallsyms: %s",
			       strerror(errno));
	answer_add(answer, file);
	answer->reply.value = programs_stext(state->programs);
	return 0;
}

static int on_worker(struct operations *state, const struct broker_request *request, int fd,
		     struct answer *answer, struct err *err)
{
	int socket;
	pid_t pid;
	int code = workers_start(&state->workers, &pid, &socket, err);
	if (code)
		return code;
	answer_add(answer, socket);
	answer->reply.value = (uint64_t)pid;
	return 0;
}

static int on_end_worker(struct operations *state, const struct broker_request *request, int fd,
			 struct answer *answer, struct err *err)
{
	workers_end(&state->workers, (pid_t)request->pid);
	return 0;
}

static int on_discard(struct operations *state, const struct broker_request *request, int fd,
		      struct answer *answer, struct err *err)
{
	if (request->n_discards > DISCARDS_AT_ONCE)
		return -EPROTO;
	if (request->n_discards)
		return discards_begin(&state->discards, request->discards, request->n_discards);
	discards_end(&state->discards);
	return 0;
}

/* Which operations there are, and what holds before each. */
static const struct {
	handler *run;
	bool loaded;  /* after BROKER_LOAD */
	bool session; /* a session's number is in it */
	bool fd;      /* an fd may come along */
	bool process; /* pid is a taken process's, which lives all the time */
} table[] = {
	[BROKER_LOAD] = {on_load},
	[BROKER_SESSION] = {on_session, .fd = true},
	[BROKER_EVENTS] = {on_events, .loaded = true, .session = true},
	[BROKER_SIDEBAND] = {on_sideband, .loaded = true},
	[BROKER_TAKE] = {on_take, .loaded = true, .session = true, .fd = true},
	[BROKER_TAKE_THREAD] = {on_take_thread, .loaded = true, .session = true},
	[BROKER_TAKE_ALL] = {on_take_all, .loaded = true, .session = true},
	[BROKER_SPACE] = {on_space, .loaded = true},
	[BROKER_THREADS] = {on_threads, .loaded = true, .session = true},
	[BROKER_SLEEPERS] = {on_sleepers, .loaded = true, .session = true},
	[BROKER_DROP] = {on_drop, .loaded = true, .session = true},
	[BROKER_MAPS] = {on_maps, .loaded = true, .process = true},
	[BROKER_MAPPED_FILE] = {on_mapped_file, .loaded = true, .process = true},
	[BROKER_DEBUG_FILE] = {on_debug_file, .loaded = true},
	[BROKER_PERF_MAP] = {on_perf_map, .loaded = true, .process = true},
	[BROKER_KALLSYMS] = {on_kallsyms, .loaded = true},
	[BROKER_WORKER] = {on_worker},
	[BROKER_END_WORKER] = {on_end_worker},
	[BROKER_PING] = {on_ping},
	[BROKER_DISCARD] = {on_discard},
	[BROKER_UNLOAD] = {on_unload, .loaded = true},
	[BROKER_LIST] = {on_list, .fd = true},
};

/* What is opened by a number is the process's that was judged only if it lives before and after. */
static int operate_on_process(struct operations *state, const struct broker_request *request,
			      struct answer *answer, struct err *err)
{
	int pidfd guard_fd = -1;
	int code = target_files_pidfd(request->pid, &pidfd);
	if (code)
		return no_process(err, code, request->pid);
	if (!may_show(state, request->pid))
		return -ENOENT;
	code = table[request->op].run(state, request, -1, answer, err);
	/* By now it may execute a program which nobody has judged: held, or, before the programs
	 * are told of it, another's to see. */
	if (!code && !may_show(state, request->pid))
		return -ENOENT;
	return code ? code : target_files_names(pidfd, request->pid);
}

int operations_run(struct operations *state, const struct packet *packet, struct answer *answer,
		   struct err *err)
{
	const struct broker_request *request = (const void *)packet->data;
	if (packet->bytes != sizeof(*request) || request->op >= sizeof(table) / sizeof(table[0]) ||
	    !table[request->op].run)
		return -EPROTO;
	if ((table[request->op].loaded && !state->programs) ||
	    (table[request->op].session &&
	     !authority_has_begun(state->authority, request->session)) ||
	    packet->n_fds > (table[request->op].fd ? 1 : 0))
		return -EPROTO;
	if (table[request->op].process)
		return operate_on_process(state, request, answer, err);
	return table[request->op].run(state, request, packet->n_fds ? packet->fds[0] : -1, answer,
				      err);
}
