/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/record_session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/daemon_link.h"
#include "cli/progress.h"
#include "cli/record_args.h"
#include "cli/record_child.h"
#include "cli/record_once.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/limits.h"
#include "common/message.h"
#include "common/path.h"
#include "common/protocol.pb-c.h"
#include "common/wire.h"

/* timeout(1) signals the process and then its group: the same wish arrives twice at once. */
enum {
	SAME_WISH_MS = 100
};

const char *record_session_name(const struct record_session *session)
{
	const struct record_args *args = session->args;
	if (args->all)
		return "all processes";
	/* Before its exec the engine knows CMD as a copy of us. */
	if (!args->comm && !args->target.n_pids && !args->target.n_tids)
		return path_base(args->command[0]);
	return session->started ? session->started->started->name : NULL;
}

uint32_t record_session_pid(const struct record_session *session)
{
	return session->started && !session->args->all ? session->started->started->pid : 0;
}

void record_session_deinit(struct record_session *session)
{
	message_free(session->started);
	message_free(session->finished);
	session->started = session->finished = NULL;
	output_profile_deinit(&session->profile);
	resources_deinit(&session->resources);
}

static bool child_is_target(const struct record_session *session)
{
	const struct record_args *args = session->args;
	return session->child->pid && !args->all && !args->comm && !args->target.n_pids &&
	       !args->target.n_tids;
}

static int send_record(struct record_session *session)
{
	const struct record_args *args = session->args;
	Probe__Record record = PROBE__RECORD__INIT;
	uint32_t child_pid = (uint32_t)session->child->pid;
	const int *fds = args->target.fds;
	int n_fds = (int)(args->target.n_pids + args->target.n_tids);
	record.pids = args->target.pids;
	record.n_pids = args->target.n_pids;
	record.tids = args->target.tids;
	record.n_tids = args->target.n_tids;
	if (child_is_target(session)) {
		record.pids = &child_pid;
		record.n_pids = 1;
		record.has_on_exec = record.on_exec = 1;
		fds = &session->child->pidfd;
		n_fds = 1;
	}
	/* A daemon takes them of root alone, and hangs up on others (wire.h). */
	if (geteuid())
		n_fds = 0;
	record.comm = (char *)args->comm;
	record.has_comm_wait_ns = args->comm_wait_ns != 0;
	record.comm_wait_ns = args->comm_wait_ns;
	record.has_all = record.all = args->all;
	record.has_no_children = record.no_children = args->no_children;
	record.has_hz = 1;
	record.hz = args->hz;
	record.has_mode = 1;
	record.mode = (Probe__Record__Mode)args->mode;
	record.event = (char *)args->event;
	record.has_wakers = record.wakers = args->wakers;
	record.has_off_period_ns = args->off_period_ns != 0;
	record.off_period_ns = args->off_period_ns;
	record.has_no_user = record.no_user = args->no_user;
	record.has_no_kernel = record.no_kernel = args->no_kernel;
	record.cpus = args->cpus;
	record.n_cpus = args->n_cpus;
	record.has_duration_ns = args->duration_ns != 0;
	record.duration_ns = args->duration_ns;
	record.labels = args->labels;
	record.n_labels = args->n_labels;
	record.has_call_graph = 1;
	record.call_graph = (Probe__Record__CallGraph)args->call_graph;
	Probe__Message message = PROBE__MESSAGE__INIT;
	message.kind_case = PROBE__MESSAGE__KIND_RECORD;
	message.record = &record;
	return message_send(session->link->wire, &message, fds, n_fds);
}

/* A peer that is gone is noticed where its last words are read. */
static void send_stop(struct record_session *session, bool abandon)
{
	Probe__Stop stop = PROBE__STOP__INIT;
	stop.has_abandon = stop.abandon = abandon;
	stop.has_target_ended = stop.target_ended =
		session->child_ended && !session->interrupted && child_is_target(session);
	Probe__Message message = PROBE__MESSAGE__INIT;
	message.kind_case = PROBE__MESSAGE__KIND_STOP;
	message.stop = &stop;
	if (abandon || !session->asked_to_stop)
		message_send(session->link->wire, &message, NULL, 0);
	session->asked_to_stop = true;
}

static int abandon(struct record_session *session, const char *msg, struct err *err)
{
	send_stop(session, true);
	return err_set(err, -ECANCELED, ERR_ABANDONED, "%s", msg);
}

static void say_started(struct record_session *session)
{
	const Probe__Started *started = session->started->started;
	struct progress_started words = {
		.name = record_session_name(session),
		.pid = record_session_pid(session),
		.processes = started->processes,
		.threads = started->threads,
		.hz = started->hz,
		.mode = session->args->mode,
		.event = session->args->event,
		.command = session->child->pid ? session->child->name : NULL,
		.every_ns = session->args->every_ns,
		.for_ns = session->args->whole_ns,
	};
	if (session->turn)
		(void)!write(session->turn->started, "s", 1);
	if (!session->quiet && (!session->turn || !session->turn->number))
		progress_started(session->progress, &words);
}

/* Of named processes, with the same descendants as are recorded, of single threads, or of the whole
 * machine; not of threads and processes together. */
static void begin_resources(struct record_session *session)
{
	const struct record_args *args = session->args;
	uint32_t child_pid = (uint32_t)session->child->pid, named[LIMIT_TARGETS];
	const uint32_t *pids = args->target.pids;
	size_t n = args->target.n_pids;
	if (session->quiet || (session->turn && session->turn->live))
		return;
	if (child_is_target(session)) {
		pids = &child_pid;
		n = 1;
	} else if (args->comm) {
		n = usage_find(args->comm, named, LIMIT_TARGETS);
		pids = named;
	}
	if (args->all)
		resources_begin_totals(&session->resources, NULL, 0);
	else if (args->target.n_tids && !n)
		resources_begin_totals(&session->resources, args->target.tids, args->target.n_tids);
	else if (n && !args->target.n_tids)
		resources_begin(&session->resources, pids, n, !args->no_children);
}

static int on_started(struct record_session *session, Probe__Message *message_take, struct err *err)
{
	if (session->started) {
		message_free(message_take);
		return err_set(err, -EPROTO, ERR_FAILED, "the engine started twice");
	}
	session->started = message_take;
	begin_resources(session);
	if (session->child->pid)
		record_child_go(session->child); /* it says whether it runs: on_child_started() */
	else
		say_started(session);
	return 0;
}

static int on_chunk(struct record_session *session, const Probe__Chunk *chunk, struct err *err)
{
	int code = output_profile_add(&session->profile, chunk->data.data, chunk->data.len);
	if (code < 0)
		return err_set(err, code, ERR_FAILED, "the profile is too large");
	return 0;
}

/* Takes the message. */
static int on_message(struct record_session *session, Probe__Message *message, struct err *err)
{
	int code = 0;
	switch (message->kind_case) {
	case PROBE__MESSAGE__KIND_STARTED:
		return on_started(session, message, err);
	case PROBE__MESSAGE__KIND_FINISHED:
		if (session->finished || !session->started)
			break;
		session->finished = message;
		resources_end(&session->resources);
		return resources_append(&session->resources, &session->profile);
	case PROBE__MESSAGE__KIND_PROGRESS:
		if (message->progress->phase != PROBE__PROGRESS__PHASE__SAMPLING)
			resources_end(&session->resources);
		progress_update(session->progress, message->progress);
		break;
	case PROBE__MESSAGE__KIND_CHUNK:
		code = on_chunk(session, message->chunk, err);
		break;
	case PROBE__MESSAGE__KIND_FAILED:
		code = message_get_failed(message->failed, err);
		break;
	default: /* a later version's */
		break;
	}
	message_free(message);
	return code;
}

static int on_wire(struct record_session *session, struct err *err)
{
	int code = 0;
	while (!code && !session->finished) {
		Probe__Message *message;
		int got = message_receive(session->link->wire, &message);
		if (got == WIRE_AGAIN)
			return 0;
		if (got == WIRE_FRAME)
			code = on_message(session, message, err);
		else if (got == WIRE_END || got == -ECONNRESET)
			code = daemon_link_lost(session->link, err);
		else
			code = err_set(err, got, ERR_FAILED, "cannot read from the engine: %s",
				       strerror(-got));
	}
	return code;
}

static int on_signal(struct record_session *session, struct err *err)
{
	struct signalfd_siginfo info;
	if (read(session->signals, &info, sizeof(info)) != sizeof(info))
		return 0;
	if (!session->started)
		return abandon(session, "interrupted before sampling began", err);
	if (session->interrupted) {
		bool again = info.ssi_signo == SIGINT &&
			     clock_now_ms() - session->interrupted_ms >= SAME_WISH_MS;
		return again ? abandon(session, "abandoned: nothing was written", err) : 0;
	}
	session->interrupted = true;
	session->interrupted_ms = clock_now_ms();
	/* What the terminal sends reaches CMD by itself. */
	if (info.ssi_code != SI_KERNEL)
		record_child_kill(session->child, (int)info.ssi_signo);
	send_stop(session, false);
	return 0;
}

static int on_child_started(struct record_session *session, struct err *err)
{
	int code = record_child_started(session->child, err);
	if (code < 0)
		send_stop(session, true);
	else
		say_started(session);
	return code;
}

static void on_child_end(struct record_session *session)
{
	session->child_ended = true;
	send_stop(session, false);
}

enum {
	WIRE,
	SIGNALS,
	CHILD_STARTED,
	CHILD_END,
	SOURCES
};

/* The order matters: a CMD that could not be run has ended, too. */
static int dispatch(struct record_session *session, const struct pollfd *pollers, struct err *err)
{
	int code = 0;
	if (pollers[CHILD_STARTED].revents)
		code = on_child_started(session, err);
	if (!code && pollers[SIGNALS].revents)
		code = on_signal(session, err);
	if (!code && pollers[CHILD_END].revents)
		on_child_end(session);
	if (!code && pollers[WIRE].revents & POLLOUT)
		wire_flush(session->link->wire);
	if (!code && pollers[WIRE].revents)
		code = on_wire(session, err);
	return code;
}

static int wait_and_dispatch(struct record_session *session, struct err *err)
{
	const struct record_child *child = session->child;
	bool go = child->pid && session->started;
	struct pollfd pollers[SOURCES] = {
		[WIRE] = {.fd = wire_fd(session->link->wire), .events = POLLIN},
		[SIGNALS] = {.fd = session->signals, .events = POLLIN},
		[CHILD_STARTED] = {.fd = go ? child->failure : -1, .events = POLLIN},
		[CHILD_END] = {.fd = go && !session->child_ended ? child->pidfd : -1,
			       .events = POLLIN},
	};
	if (wire_queued(session->link->wire))
		pollers[WIRE].events |= POLLOUT;
	if (poll(pollers, SOURCES, resources_due_ms(&session->resources)) < 0)
		return errno == EINTR
			       ? 0
			       : err_set(err, -errno, ERR_FAILED, "poll: %s", strerror(errno));
	resources_tick(&session->resources);
	return dispatch(session, pollers, err);
}

int record_session_run(struct record_session *session, struct err *err)
{
	int code = send_record(session);
	if (code < 0 && code != -EPIPE)
		return err_set(err, code, ERR_FAILED, "cannot ask the engine: %s", strerror(-code));
	code = 0;
	while (!code && !session->finished)
		code = wait_and_dispatch(session, err);
	progress_clear(session->progress);
	return code;
}
