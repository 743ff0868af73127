/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/targets.h"

#include <errno.h>
#include <string.h>
#include "common/clock.h"
#include "common/err.h"
#include "common/guard.h"
#include "common/procfs.h"
#include "daemon/asker.h"
#include "daemon/processes.h"
#include "daemon/sampler.h"
#include "daemon/session.h"

static const uint64_t DRAIN_NS = 50000000;
/* To look at all processes takes milliseconds where there are some hundred: no more often than
 * this, whatever wakes us, and of the time no more than one part in so many. */
static const uint64_t LOOK_NS = 90000000;
static const uint64_t LOOK_SHARE = 10;

static void note_first(struct session *session, const struct procfs_stat *stat)
{
	if (session->first_pid)
		return;
	session->first_pid = stat->pid;
	memcpy(session->name, stat->comm, sizeof(session->name));
}

/* To judge a thousand targets takes a second or two: the ring has no room for what other recordings
 * get in that time. */
static void drain_meanwhile(struct session *session)
{
	uint64_t now = clock_now_ns();
	if (now - session->drained_ns < DRAIN_NS)
		return;
	session->drained_ns = now;
	sampler_drain(session->sampler);
}

/* Takes one process. -ESRCH without words: it is gone. */
static int take(struct session *session, uint32_t pid, int pidfd, uint32_t flags, struct err *err)
{
	struct sampler *sampler = session->sampler;
	struct procfs_stat stat;
	int maps guard_fd = -1;
	drain_meanwhile(session);
	uint64_t now = clock_now_ns();
	int code = asker_take(sampler->asker, session->slot, pid, pidfd, flags, &maps, err);
	if (code)
		return code;
	if (procfs_status(pid, &stat))
		return -ESRCH;
	note_first(session, &stat);
	session->n_threads += flags & TAKE_THREADS ? 1 : stat.threads;
	members_add(&session->members, pid, stat.comm);
	struct process *process = processes_find(sampler->processes, pid);
	/* Another session may have it already, with a table of mappings as good as a new one. */
	if ((!process || !process->space) && maps >= 0)
		processes_add(sampler->processes, pid, maps, now);
	else if (process)
		processes_ready(sampler->processes, process);
	return 0;
}

/* One that was not named. Whether it was taken. */
static bool take_other(struct session *session, uint32_t pid, uint32_t flags)
{
	int code = take(session, pid, -1, flags, NULL);
	session->n_refused += code == -EACCES;
	return !code;
}

struct descent {
	struct session *session;
	uint32_t found;
};

static bool take_descendant(void *context, const struct procfs_stat *stat)
{
	struct descent *descent = context;
	if (stat->state != 'Z' && session_has(descent->session, stat->parent) &&
	    !session_has(descent->session, stat->pid))
		descent->found += take_other(descent->session, stat->pid, TAKE_CHILDREN);
	return true;
}

/* Those forked before their parent was taken; what is forked after, the programs add. Looks again
 * as long as it finds some, since the list is not in order of descent. */
static void take_descendants(struct session *session)
{
	struct descent descent = {.session = session};
	do {
		descent.found = 0;
		procfs_each(take_descendant, &descent);
	} while (descent.found);
}

static int no_process(uint32_t pid, struct err *err)
{
	return err_set(err, -ESRCH, ERR_NO_PROCESS, "no process with PID %u", pid);
}

static uint32_t take_flags(const Probe__Record *request)
{
	return (request->no_children ? 0 : TAKE_CHILDREN) | (request->on_exec ? TAKE_ON_EXEC : 0);
}

static int take_pids(struct session *session, const int *pidfds, uint32_t n_pidfds, struct err *err)
{
	const Probe__Record *request = session->request;
	for (uint32_t i = 0; i < request->n_pids; i++) {
		/* Named twice: to judge it takes time again. */
		if (session_has(session, request->pids[i]))
			continue;
		int code = take(session, request->pids[i], i < n_pidfds ? pidfds[i] : -1,
				take_flags(request), err);
		if (code == -ESRCH)
			return no_process(request->pids[i], err);
		if (code)
			return code;
	}
	if (!request->no_children && !request->on_exec)
		take_descendants(session);
	return 0;
}

static int take_threads(struct session *session, const int *pidfds, uint32_t n_pidfds,
			struct err *err)
{
	const Probe__Record *request = session->request;
	uint32_t taken = 0; /* once for all of its threads that follow each other */
	for (uint32_t i = 0; i < request->n_tids; i++) {
		uint32_t tid = request->tids[i], tgid = procfs_tgid(tid);
		uint32_t fd = (uint32_t)request->n_pids + i;
		if (!tgid)
			return err_set(err, -ESRCH, ERR_NO_PROCESS, "no thread with TID %u", tid);
		int code = 0;
		if (tgid != taken)
			code = take(session, tgid, fd < n_pidfds ? pidfds[fd] : -1, TAKE_THREADS,
				    err);
		else
			session->n_threads++;
		taken = tgid;
		if (!code)
			code = asker_take_thread(session->sampler->asker, session->slot, tid, err);
		if (code == -ESRCH)
			return err_set(err, -ESRCH, ERR_NO_PROCESS, "no thread with TID %u", tid);
		if (code)
			return code;
	}
	return 0;
}

static bool take_namesake(void *context, const struct procfs_stat *stat)
{
	struct session *session = context;
	if (stat->state != 'Z' && !strncmp(stat->comm, session->request->comm, COMM_BYTES - 1))
		take_other(session, stat->pid, take_flags(session->request));
	return true;
}

int targets_look(struct session *session, struct err *err)
{
	const Probe__Record *request = session->request;
	uint64_t began_ns = clock_now_ns();
	if (began_ns < session->look_ns)
		return 0;
	session->n_refused = 0; /* of this look */
	procfs_each(take_namesake, session);
	uint64_t ended_ns = clock_now_ns(), pause_ns = LOOK_SHARE * (ended_ns - began_ns);
	session->look_ns = ended_ns + (pause_ns > LOOK_NS ? pause_ns : LOOK_NS);
	if (!session->members.n_alive && session->n_refused)
		return err_set(err, -EACCES, ERR_PERMISSION,
			       "permission denied: every process named \"%.15s\" is another's",
			       request->comm);
	if (session->members.n_alive) {
		if (!request->no_children)
			take_descendants(session);
		return 0;
	}
	if (clock_now_ns() - session->begun_ns < request->comm_wait_ns)
		return 0;
	return err_set(err, -ESRCH, ERR_NO_PROCESS, "no process named \"%.15s\"", request->comm);
}

int targets_take(struct session *session, const int *pidfds, uint32_t n_pidfds, struct err *err)
{
	const Probe__Record *request = session->request;
	int code = 0;
	if (request->all)
		code = asker_take_all(session->sampler->asker, session->slot, err);
	else if (request->comm)
		code = targets_look(session, err);
	else
		code = take_pids(session, pidfds, n_pidfds, err);
	return code ? code : take_threads(session, pidfds, n_pidfds, err);
}
