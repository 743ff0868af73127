/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/session.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "common/clock.h"
#include "common/guard.h"
#include "common/memory.h"
#include "common/procfs.h"
#include "daemon/asker.h"
#include "daemon/event_names.h"
#include "daemon/fold.h"
#include "daemon/offcpu.h"
#include "daemon/processes.h"
#include "daemon/holdings.h"
#include "daemon/request.h"
#include "daemon/sampler.h"
#include "daemon/snapshot.h"
#include "daemon/targets.h"
#include "daemon/unwind_late.h"
#include "daemon/unwind_loader.h"

static const uint64_t SECOND_NS = 1000000000;
/* Tables of a process with 500 libraries take half a second. */
static const uint64_t LOADING_NS = 2000000000;

int session_new(struct sampler *sampler, const Probe__Record *request, int client,
		struct session **session, struct err *err)
{
	int code = request_check(request, sampler->features, err);
	if (code)
		return code;
	struct session *new = memory_new(1, sizeof(*new));
	int slot = sampler_add_session(sampler, new);
	if (slot < 0) {
		free(new);
		return err_set(err, -EBUSY, ERR_FAILED, "%d recordings are running already",
			       SESSIONS_MAX);
	}
	code = asker_session(sampler->asker, (uint32_t)slot, client, &new->rights, err);
	if (!code)
		code = request_may(request, &new->rights, &new->hz, err);
	if (code) {
		asker_drop(sampler->asker, (uint32_t)slot, NULL, NULL);
		sampler_remove_session(sampler, (uint32_t)slot);
		free(new);
		return code;
	}
	new->sampler = sampler;
	new->request = request;
	new->slot = (uint32_t)slot;
	new->period_ns = (uint64_t)((double)SECOND_NS / new->hz);
	new->begun_ns = clock_now_ns();
	events_init(&new->events);
	if (request->event)
		new->events.kind = (uint32_t)event_names_find(request->event);
	new->events.tracepoint = request->event;
	members_init(&new->members);
	threads_init(&new->threads);
	tally_init(&new->tally, &new->threads);
	times_init(&new->times, &new->threads);
	new->tally.with_wakers = request->wakers;
	new->times.period_ns = session_is_timed(new) ? new->period_ns : 0;
	*session = new;
	return 0;
}

void session_free(struct session *session)
{
	if (!session)
		return;
	session_stop(session, PROBE__FINISHED__REASON__STOPPED);
	sampler_remove_session(session->sampler, session->slot);
	tally_deinit(&session->tally);
	threads_deinit(&session->threads);
	members_deinit(&session->members);
	free(session);
}

bool session_has(const struct session *session, uint32_t pid)
{
	return members_has(&session->members, pid);
}

bool session_samples(const struct session *session)
{
	return session->request->mode != PROBE__RECORD__MODE__OFF;
}

bool session_waits(const struct session *session)
{
	Probe__Record__Mode mode = session->request->mode;
	return (session->sampler->features & LOAD_WAITS) &&
	       (mode == PROBE__RECORD__MODE__OFF || mode == PROBE__RECORD__MODE__WALL);
}

bool session_is_snapshot(const struct session *session)
{
	return session->request->mode == PROBE__RECORD__MODE__SNAPSHOT;
}

const char *session_event(const struct session *session)
{
	return session->events.kind == EVENT_TRACEPOINT ? session->request->event
							: event_names[session->events.kind].name;
}

double session_hz(const struct session *session)
{
	return session->events.kind == EVENT_TRACEPOINT ? 0 : session->hz;
}

bool session_is_timed(const struct session *session)
{
	return session->events.kind == EVENT_CPU_CLOCK;
}

uint64_t session_duration_ns(const struct session *session)
{
	return session_is_snapshot(session) ? SNAPSHOT_NS : session->request->duration_ns;
}

static bool by_pointer(const Probe__Record *request)
{
	return request->call_graph == PROBE__RECORD__CALL_GRAPH__FP;
}

static void note_times(struct session *session, int code, const struct err *err)
{
	session->times_known = !code;
	if (code)
		snprintf(session->times_problem, sizeof(session->times_problem), "%.127s",
			 err->msg[0] ? err->msg : strerror(-code));
}

/* Also what has the programs follow waits. Without them a recording of CPU time has its samples
 * still, and says so. */
static int begin_times(struct session *session, struct err *err)
{
	int fd guard_fd = -1;
	struct err why = {0};
	uint64_t began_ns = clock_now_ns();
	int code = asker_threads(session->sampler->asker, session->slot, &fd, &why);
	if (!code)
		code = times_begin(&session->times, session->slot, began_ns, fd);
	note_times(session, code, &why);
	session->reading_ns = clock_now_ns() - began_ns;
	if (!code || session_samples(session))
		return 0;
	return err_set(err, code, ERR_FAILED, "what threads wait for cannot be followed: %s",
		       session->times_problem);
}

/* Sleepers first: what is read of a thread once is its end. */
static void finish_times(struct session *session)
{
	struct asker *asker = session->sampler->asker;
	int sleepers guard_fd = -1, fd guard_fd = -1;
	if (!session->times_known)
		return;
	if (session_is_snapshot(session)) {
		session->times_known = false; /* of a moment there are none */
		snapshot_end(session);
		return;
	}
	if (session_waits(session) && !asker_sleepers(asker, session->slot, &sleepers, NULL))
		offcpu_take_sleepers(session, sleepers);
	struct err why = {0};
	int code = asker_threads(asker, session->slot, &fd, &why);
	if (!code)
		code = times_finish(&session->times, session->stopped_ns, fd);
	note_times(session, code, &why);
	session->reading_ns += clock_now_ns() - session->stopped_ns;
	if (session_waits(session))
		offcpu_take_open(session);
}

static uint32_t flags_of(const struct session *session)
{
	const Probe__Record *request = session->request;
	return (request->no_user ? 0 : SESSION_USER) | (request->no_kernel ? 0 : SESSION_KERNEL) |
	       (by_pointer(request) ? SESSION_BY_POINTER : 0) |
	       (session_waits(session) ? SESSION_OFF : 0) |
	       (session_waits(session) && request->wakers ? SESSION_WAKERS : 0);
}

static uint32_t hz_of(const struct session *session)
{
	if (session->hz >= WAIT_HZ)
		return WAIT_HZ;
	return session->hz > 1 ? (uint32_t)session->hz : 1;
}

static int open_events(struct session *session, struct err *err)
{
	const Probe__Record *request = session->request;
	if (!session_samples(session))
		return 0;
	return events_open(&session->events, session->sampler->asker, session->slot,
			   session->period_ns, request->cpus, request->n_cpus, err);
}

static int begin(struct session *session, struct err *err)
{
	session->sampler->configs[session->slot] =
		(struct session_config){.flags = flags_of(session),
					.thin = session->sampler->thin,
					.off_period_ns = session->request->off_period_ns,
					.hz = hz_of(session)};
	/* A tracepoint's program runs from its opening on. */
	counters_read(session->sampler->counters, session->slot, &session->start);
	int code = open_events(session, err);
	if (code)
		return code;
	procfs_steal(&session->stolen, &session->all_time);
	session->state = SESSION_SAMPLING;
	code = begin_times(session, err);
	if (code)
		return code;
	/* Now that each thread was read, so that each has all of what was asked for. */
	session->started_ns = session->checked_ns = clock_now_ns();
	session->start_time_ns = (int64_t)clock_ns(CLOCK_REALTIME);
	if (session_is_snapshot(session))
		snapshot_begin(session);
	events_enable(&session->events);
	return 0;
}

/* Sampling begins when the targets' unwind tables are there, but not much later than asked for. */
static int load(struct session *session, struct err *err)
{
	struct unwind_loader *loader = session->sampler->loader;
	if (session->state != SESSION_LOADING)
		session->loading_ns = clock_now_ns();
	session->state = SESSION_LOADING;
	unwind_loader_look(loader);
	if (unwind_loader_is_ready(loader) || by_pointer(session->request) ||
	    clock_now_ns() - session->loading_ns > LOADING_NS)
		return begin(session, err);
	return 0;
}

int session_start(struct session *session, const int *pidfds, uint32_t n_pidfds, struct err *err)
{
	int code = targets_take(session, pidfds, n_pidfds, err);
	if (code)
		return code;
	if (session->request->comm && !session->members.n_alive)
		return 0; /* SESSION_WAITING */
	return load(session, err);
}

static void note_main_object(struct session *session, uint32_t tgid)
{
	if (!session->main_object && tgid == session->first_pid)
		session->main_object = processes_main_object(session->sampler->processes, tgid);
}

void session_on_sample(struct session *session, const struct sample_event *sample,
		       struct tally_stacks stacks)
{
	note_main_object(session, sample->tgid);
	if (session_is_snapshot(session))
		snapshot_on_sample(session, sample, &stacks);
	else
		tally_add(&session->tally, sample, stacks, WAIT_RUNNING);
	if (session->gaps.resumed_ns)
		gaps_on_sample(&session->gaps, sample,
			       &session->threads.at[threads_find(&session->threads, sample->tid,
								 sample->start_time_ns)]);
}

void session_on_wait(struct session *session, const struct wait_event *wait,
		     const struct tally_stacks *stacks)
{
	note_main_object(session, wait->sample.tgid);
	offcpu_on_wait(session, wait, stacks);
}

void session_on_fork(struct session *session, uint32_t pid, const char *comm)
{
	members_add(&session->members, pid, comm);
}

void session_on_exec(struct session *session, uint32_t pid, const char *comm)
{
	members_rename(&session->members, pid, comm);
	if (pid == session->first_pid) {
		session->main_object = 0;
		memset(session->name, 0, sizeof(session->name));
		memcpy(session->name, comm, COMM_BYTES);
	}
}

void session_on_held(struct session *session, uint32_t pid, const char *comm)
{
	struct sampler *sampler = session->sampler;
	int maps guard_fd = -1;
	if (session->rights.everything || session->state == SESSION_STOPPED)
		return;
	uint64_t now = clock_now_ns();
	int code = asker_take(sampler->asker, session->slot, pid, -1, TAKE_AGAIN, &maps, NULL);
	if (!code && maps >= 0)
		processes_add(sampler->processes, pid, maps, now);
	session->n_refused += code == -EACCES;
	if (code && code != -EAGAIN)
		session_on_exit(session, pid, comm);
}

void session_on_exit(struct session *session, uint32_t pid, const char *comm)
{
	members_leave(&session->members, pid);
}

/* Looked at when there is a quarter more than the last time: that costs in proportion to what came.
 */
static void weigh(struct session *session)
{
	uint32_t rows = session->tally.rows.n + session->threads.n;
	if (rows < session->weighed_rows + session->weighed_rows / 4)
		return;
	session->weighed_rows = rows;
	session->held_bytes = holdings_bytes(session);
	session->too_large =
		session->held_bytes + holdings_of_others(session) > session->rights.bytes_max;
}

/* Once a second. Events of exit can be lost when the ring is full: those that are gone leave. */
static void look_after(struct session *session, uint64_t now)
{
	struct members *members = &session->members;
	if (now - session->checked_ns < SECOND_NS)
		return;
	session->checked_ns = now;
	for (uint32_t i = 1; i < members->n; i++)
		if (members->at[i].alive && kill((pid_t)members->at[i].pid, 0) && errno == ESRCH)
			members_leave(members, members->at[i].pid);
	uint64_t gone_ns = events_follow(&session->events, session->sampler->counters, now);
	if (gone_ns)
		sampler_on_cpus(session->sampler, gone_ns);
	weigh(session);
	fold_dead(&session->times, &session->tally, members, now - SECOND_NS);
}

int session_tick(struct session *session, struct err *err)
{
	const Probe__Record *request = session->request;
	uint64_t now = clock_now_ns(), duration_ns = session_duration_ns(session);
	if (session->state == SESSION_WAITING) {
		int code = targets_look(session, err);
		return code || !session->members.n_alive ? code : load(session, err);
	}
	if (session->state == SESSION_LOADING)
		return load(session, err);
	if (session->state != SESSION_SAMPLING)
		return 0;
	look_after(session, now);
	if (!request->all && !session->members.n_alive)
		session_stop(session, PROBE__FINISHED__REASON__TARGET_ENDED);
	else if (session->too_large)
		session_stop(session, PROBE__FINISHED__REASON__STOPPED);
	else if ((duration_ns && now - session->started_ns >= duration_ns) ||
		 (session_is_snapshot(session) && snapshot_is_whole(session)))
		session_stop(session, PROBE__FINISHED__REASON__DURATION);
	return 0;
}

static void sum_counts(struct session *session)
{
	counters_since(session->sampler->counters, session->slot, &session->start, &session->sum);
	uint64_t stolen, all;
	procfs_steal(&stolen, &all);
	session->stolen = stolen - session->stolen;
	session->all_time = all - session->all_time;
}

static bool takes(const struct session *session, uint32_t pid)
{
	return session && session->state != SESSION_STOPPED &&
	       (session->request->all || session_has(session, pid));
}

static bool is_taken(void *context, uint32_t pid)
{
	const struct sampler *sampler = context;
	for (uint32_t i = 0; i < SESSIONS_MAX; i++)
		if (takes(sampler->sessions[i], pid))
			return true;
	return false;
}

/* Processes that no session takes any more are forgotten: no event tells of their end, and their
 * pids will be others'. */
static void forget_processes(struct session *session)
{
	members_leave_all(&session->members);
	processes_prune(session->sampler->processes, is_taken, session->sampler);
}

void session_stop(struct session *session, Probe__Finished__Reason reason)
{
	enum session_state before = session->state;
	session->state = SESSION_STOPPED;
	if (before == SESSION_STOPPED)
		return;
	if (before == SESSION_SAMPLING) {
		session->stopped_ns = clock_now_ns();
		session->reason = reason;
		events_close(&session->events);
		finish_times(session);
		sampler_drain(session->sampler);
		sum_counts(session);
	}
	unwind_late_hold(session->sampler->late, 0);
	/* While the broker still opens files of the targets. */
	processes_renew_names(session->sampler->processes);
	struct asker_dropped dropped = {0};
	asker_drop(session->sampler->asker, session->slot, &dropped, NULL);
	session->n_refused += (uint32_t)dropped.revoked;
	session->skipped = dropped.skipped;
	/* What the programs still said of its processes is not for the next session in this slot.
	 */
	sampler_drain(session->sampler);
	forget_processes(session);
}

static uint64_t lost_waits(const struct session *session, const struct counters_sum *sum)
{
	if (!session_waits(session))
		return 0;
	return sum->waits[WAITS_OVERDUE] + sum->waits[WAITS_BUSY] + sum->waits[WAITS_RING_FULL] +
	       session->lost_waits;
}

uint64_t session_lost_waits(const struct session *session)
{
	return lost_waits(session, &session->sum);
}

uint64_t session_lost(const struct session *session)
{
	struct counters_sum sum = session->sum;
	if (session->state == SESSION_SAMPLING)
		counters_since(session->sampler->counters, session->slot, &session->start, &sum);
	return sum.ticks.held + sum.ticks.lost + session->lost_unknown + lost_waits(session, &sum);
}

bool session_note(const struct session *session, char *text, size_t n)
{
	if (session->too_large)
		snprintf(text, n,
			 "ended before its time: it held, with others of its user, %" PRIu64
			 " MB, all that it may",
			 session->rights.bytes_max >> 20);
	else if (session->n_refused)
		snprintf(text, n, "%u process%s left out, which the user may not profile",
			 session->n_refused, session->n_refused == 1 ? " was" : "es were");
	return session->too_large || session->n_refused;
}
