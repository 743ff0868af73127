/* SPDX-License-Identifier: Apache-2.0 */
/* The last turn that was taken (`current`) samples; `next` is prepared for the following one. Those
 * before may still be writing: all of them are waited for. */
#include "cli/record_every.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/errors.h"
#include "cli/record_args.h"
#include "cli/record_once.h"
#include "cli/record_signals.h"
#include "cli/relay.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/guard.h"

enum {
	WORKERS = 4,	   /* writing, sampling, prepared; one to spare */
	RETRY_MS = 100,	   /* where there was no place for the next one */
	SIGNALS = WORKERS, /* in the poll set */
	STARTED,
	SOURCES,
};

struct worker {
	pid_t pid; /* 0: none */
	int pidfd;
};

struct every {
	struct record_args *args;
	const char *socket_path;
	int signals;
	struct worker workers[WORKERS];
	uint64_t turns; /* begun or prepared */
	int go;		/* of the prepared one; -1: none */
	int next_started;
	int started; /* of the current one: readable when it samples; -1: it does */
	struct relay relay;
	bool stopping;
	bool any;   /* a file was written */
	int status; /* of the first failure */
};

static void every_deinit(struct every *every)
{
	guard_close(&every->go);
	guard_close(&every->next_started);
	guard_close(&every->started);
	guard_close(&every->signals);
	for (int i = 0; i < WORKERS; i++) {
		if (!every->workers[i].pid)
			continue;
		waitpid(every->workers[i].pid, NULL, 0);
		close(every->workers[i].pidfd);
	}
}

/* What is left of the whole duration for this turn: its period, or less. 0: nothing. */
static uint64_t duration_of_turn(const struct every *every, uint64_t turn)
{
	uint64_t whole = every->args->whole_ns, period = every->args->every_ns, begin;
	if (!whole)
		return period;
	if (__builtin_mul_overflow(turn, period, &begin) || begin >= whole)
		return 0;
	return whole - begin < period ? whole - begin : period;
}

/* In the child. */
_Noreturn static void work(struct every *every, int go, int started)
{
	struct err err = {0};
	struct record_turn turn = {.go = go, .started = started, .number = every->turns};
	every->args->duration_ns = duration_of_turn(every, every->turns);
	guard_close(&every->go);
	guard_close(&every->started);
	int status = record_once_run(every->args, every->socket_path, &turn, &err);
	/* A target that ended between two turns is how the whole ends. */
	bool expected = turn.number && err.status == ERR_NO_PROCESS;
	if (status < 0)
		status = expected ? ERR_NO_PROCESS : errors_print(&err, every->args->json);
	fflush(NULL);
	_exit(status);
}

/* A child with everything ready but its turn. */
static int prepare_next(struct every *every, struct err *err)
{
	int free_place = 0, go[2], started[2];
	while (free_place < WORKERS && every->workers[free_place].pid)
		free_place++;
	if (free_place == WORKERS)
		return 0; /* they write slower than they sample: the next one waits */
	if (pipe2(go, O_CLOEXEC))
		return err_set(err, -errno, ERR_FAILED, "cannot make a pipe: %s", strerror(errno));
	int our_go guard_fd = go[1], their_go guard_fd = go[0];
	if (pipe2(started, O_CLOEXEC))
		return err_set(err, -errno, ERR_FAILED, "cannot make a pipe: %s", strerror(errno));
	int our_started guard_fd = started[0], their_started guard_fd = started[1];
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0)
		return err_set(err, -errno, ERR_FAILED, "cannot start a process: %s",
			       strerror(errno));
	if (!pid) {
		guard_close(&our_go);
		guard_close(&our_started);
		work(every, their_go, their_started);
	}
	every->workers[free_place] =
		(struct worker){.pid = pid, .pidfd = (int)syscall(SYS_pidfd_open, pid, 0)};
	every->go = steal_fd(our_go);
	every->next_started = steal_fd(our_started);
	every->turns++;
	return 0;
}

static void begin_next(struct every *every)
{
	relay_begin(&every->relay, &every->go);
	guard_close(&every->started);
	every->started = steal_fd(every->next_started);
}

static void stop(struct every *every)
{
	every->stopping = true;
	guard_close(&every->go);
	guard_close(&every->next_started);
}

static void on_signal(struct every *every)
{
	struct signalfd_siginfo info;
	if (read(every->signals, &info, sizeof(info)) != sizeof(info))
		return;
	stop(every);
	/* What the terminal sends reaches the children by itself. */
	for (int i = 0; i < WORKERS && info.ssi_code != SI_KERNEL; i++)
		if (every->workers[i].pid)
			kill(every->workers[i].pid, (int)info.ssi_signo);
}

/* An idle period is none of the others' business; everything else ends the whole. */
static void on_end(struct every *every, struct worker *worker)
{
	int status = 0;
	waitpid(worker->pid, &status, 0);
	close(worker->pidfd);
	*worker = (struct worker){0};
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : ERR_FAILED;
	every->any = every->any || code == 0;
	if (!code || code == ERR_NOTHING_SAMPLED || (every->stopping && code == ERR_ABANDONED))
		return;
	every->status = every->status ? every->status : code;
	stop(every);
}

/* What is due; ms until the next thing is, -1: nothing. */
static int tick(struct every *every, struct err *err)
{
	if (every->stopping || !every->relay.started_ms)
		return -1;
	int64_t prepare_ms, turn_ms, now = clock_now_ms();
	relay_plan(&every->relay, every->args->every_ns, &prepare_ms, &turn_ms);
	if (every->go < 0 && now >= prepare_ms) {
		if (!duration_of_turn(every, every->turns) ||
		    target_has_ended(&every->args->target))
			stop(every);
		else if (prepare_next(every, err) < 0)
			stop(every);
	}
	if (every->go >= 0 && now >= turn_ms)
		begin_next(every);
	if (every->stopping || !every->relay.started_ms)
		return -1;
	int64_t due = every->go < 0 ? prepare_ms : turn_ms;
	return relay_timeout_ms(due > now ? due : now + RETRY_MS, now);
}

static bool wait_and_dispatch(struct every *every, int timeout_ms)
{
	struct pollfd pollers[SOURCES];
	bool any = false;
	for (int i = 0; i < WORKERS; i++) {
		bool there = every->workers[i].pid != 0;
		pollers[i] = (struct pollfd){.fd = there ? every->workers[i].pidfd : -1,
					     .events = POLLIN};
		any = any || there;
	}
	pollers[SIGNALS] = (struct pollfd){.fd = every->signals, .events = POLLIN};
	pollers[STARTED] = (struct pollfd){.fd = every->started, .events = POLLIN};
	if (!any)
		return false;
	if (poll(pollers, SOURCES, timeout_ms) < 0)
		return errno == EINTR;
	if (pollers[SIGNALS].revents)
		on_signal(every);
	if (pollers[STARTED].revents)
		relay_on_started(&every->relay, &every->started);
	for (int i = 0; i < WORKERS; i++)
		if (pollers[i].revents)
			on_end(every, &every->workers[i]);
	return true;
}

int record_every_run(struct record_args *args, const char *socket_path, struct err *err)
{
	struct every every guard(every_deinit) = {
		.args = args,
		.socket_path = socket_path,
		.go = -1,
		.next_started = -1,
		.started = -1,
		.signals = -1,
	};
	int code = target_open(&args->target, err);
	if (code >= 0)
		code = every.signals = record_signals_open(NULL, err);
	if (code >= 0)
		code = prepare_next(&every, err);
	if (code < 0)
		return code;
	begin_next(&every);
	while (wait_and_dispatch(&every, tick(&every, err)))
		;
	if (err_is_set(err))
		return -EIO;
	/* The last period of a target that ends may be too short for a sample. */
	return every.any && every.status == ERR_NO_PROCESS ? 0
	       : every.status				   ? every.status
	       : every.any				   ? 0
							   : ERR_NOTHING_SAMPLED;
}
