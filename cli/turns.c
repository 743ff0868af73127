/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/turns.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/record_args.h"
#include "cli/record_once.h"
#include "cli/relay.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/guard.h"
#include "common/info.pb-c.h"
#include "common/limits.h"
#include "common/memory.h"
#include "common/pprof.h"
#include "common/profile.h"

enum {
	TURNS_MOST = 3, /* naming, sampling, prepared */
	READ_BYTES = 64 << 10,
};

struct turn {
	pid_t pid;   /* 0: none */
	int go;	     /* a byte begins it; -1: it has begun */
	int started; /* readable when it samples; -1: it does */
	int out;     /* its profile */
	int failure; /* a struct err, if it fails */
	uint8_t *bytes;
	size_t n, room;
	uint64_t number;
};

struct turns {
	struct record_args *args;
	const char *socket_path;
	struct turn turn[TURNS_MOST];
	uint64_t next;	  /* number of the turn to prepare */
	uint64_t to_give; /* the lowest number that is not late */
	struct relay relay;
	bool stopping; /* no further turn */
	bool told;     /* … and that all have ended */
};

static void turn_deinit(struct turn *turn)
{
	guard_close(&turn->go);
	guard_close(&turn->started);
	guard_close(&turn->out);
	guard_close(&turn->failure);
	free(turn->bytes);
	*turn = (struct turn){.go = -1, .started = -1, .out = -1, .failure = -1};
}

struct turns *turns_new(struct record_args *args, const char *socket_path)
{
	struct turns *turns = memory_new(1, sizeof(*turns));
	turns->args = args;
	turns->socket_path = socket_path;
	for (int i = 0; i < TURNS_MOST; i++)
		turns->turn[i] = (struct turn){.go = -1, .started = -1, .out = -1, .failure = -1};
	return turns;
}

void turns_free(struct turns *turns)
{
	if (!turns)
		return;
	/* An engine whose client is gone leaves nothing attached. */
	for (int i = 0; i < TURNS_MOST; i++) {
		struct turn *turn = &turns->turn[i];
		if (turn->pid) {
			kill(turn->pid, SIGKILL);
			waitpid(turn->pid, NULL, 0);
		}
		turn_deinit(turn);
	}
	free(turns);
}

/* In the child. */
_Noreturn static void work(struct turns *turns, int go, int started, int out, int failure,
			   pid_t parent)
{
	struct err err = {0};
	struct record_turn turn = {
		.go = go, .started = started, .number = turns->next, .live = true};
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (getppid() != parent || null < 0 || dup2(out, STDOUT_FILENO) < 0)
		_exit(ERR_FAILED);
	dup2(null, STDIN_FILENO);
	dup2(null, STDERR_FILENO);
	int status = record_once_run(turns->args, turns->socket_path, &turn, &err);
	if (status < 0) {
		if (!err_is_set(&err))
			err_set(&err, status, ERR_FAILED, "record: %s", strerror(-status));
		(void)!write(failure, &err, sizeof(err));
		status = err.status;
	}
	_exit(status);
}

struct pipes {
	int go[2], started[2], out[2], failure[2];
};

static void pipes_deinit(struct pipes *pipes)
{
	for (int i = 0; i < 2; i++) {
		guard_close(&pipes->go[i]);
		guard_close(&pipes->started[i]);
		guard_close(&pipes->out[i]);
		guard_close(&pipes->failure[i]);
	}
}

static int pipes_open(struct pipes *pipes, struct err *err)
{
	*pipes = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
	if (pipe2(pipes->go, O_CLOEXEC) || pipe2(pipes->started, O_CLOEXEC) ||
	    pipe2(pipes->out, O_CLOEXEC) || pipe2(pipes->failure, O_CLOEXEC))
		return err_set(err, -errno, ERR_FAILED, "cannot make a pipe: %s", strerror(errno));
	return 0;
}

/* A child with everything ready but its turn; 0 also when there is no place for one. */
static int prepare(struct turns *turns, struct err *err)
{
	struct turn *turn = turns->turn;
	while (turn->pid && turn + 1 < turns->turn + TURNS_MOST)
		turn++;
	if (turn->pid)
		return 0;
	struct pipes pipes guard(pipes_deinit);
	int code = pipes_open(&pipes, err);
	if (code < 0)
		return code;
	fflush(NULL);
	pid_t parent = getpid(), pid = fork();
	if (pid < 0)
		return err_set(err, -errno, ERR_FAILED, "cannot start a process: %s",
			       strerror(errno));
	if (!pid) {
		guard_close(&pipes.go[1]);
		work(turns, pipes.go[0], pipes.started[1], pipes.out[1], pipes.failure[1], parent);
	}
	*turn = (struct turn){
		.pid = pid,
		.go = steal_fd(pipes.go[1]),
		.started = steal_fd(pipes.started[0]),
		.out = steal_fd(pipes.out[0]),
		.failure = steal_fd(pipes.failure[0]),
		.number = turns->next++,
	};
	fcntl(turn->out, F_SETFL, O_NONBLOCK);
	fcntl(turn->failure, F_SETFL, O_NONBLOCK);
	return 0;
}

static struct turn *prepared(struct turns *turns)
{
	for (int i = 0; i < TURNS_MOST; i++)
		if (turns->turn[i].pid && turns->turn[i].go >= 0)
			return &turns->turn[i];
	return NULL;
}

static bool any_runs(const struct turns *turns)
{
	for (int i = 0; i < TURNS_MOST; i++)
		if (turns->turn[i].pid)
			return true;
	return false;
}

/* Of the next turn, unless nobody is left to record. */
static int prepare_next(struct turns *turns, struct err *err)
{
	turns->stopping = turns->next && target_has_ended(&turns->args->target);
	return turns->stopping ? 0 : prepare(turns, err);
}

/* The first turn, or one after we were stopped for longer than a turn. */
static int begin_anew(struct turns *turns, struct err *err)
{
	int code = prepare_next(turns, err);
	if (code == 0 && prepared(turns))
		relay_begin(&turns->relay, &prepared(turns)->go);
	return code;
}

int turns_tick(struct turns *turns, int *timeout_ms, struct err *err)
{
	int code = 0;
	*timeout_ms = -1;
	if (!turns->stopping && !any_runs(turns))
		code = begin_anew(turns, err);
	if (turns->stopping) {
		*timeout_ms = any_runs(turns) || turns->told ? -1 : 0;
		return code;
	}
	if (!turns->relay.started_ms)
		return code;
	int64_t prepare_ms, begin_ms, now = clock_now_ms();
	relay_plan(&turns->relay, turns->args->duration_ns, &prepare_ms, &begin_ms);
	if (!prepared(turns) && now >= prepare_ms)
		code = prepare_next(turns, err);
	struct turn *next = prepared(turns);
	if (next && now >= begin_ms) {
		relay_begin(&turns->relay, &next->go);
		return code;
	}
	/* Where all places are taken, the end of one is the next thing to happen. */
	int64_t due = next ? begin_ms : prepare_ms;
	if (due > now)
		*timeout_ms = relay_timeout_ms(due, now);
	return code;
}

nfds_t turns_poll(const struct turns *turns, struct pollfd pollers[TURNS_FDS])
{
	nfds_t n = 0;
	for (int i = 0; i < TURNS_MOST; i++) {
		if (!turns->turn[i].pid)
			continue;
		pollers[n++] = (struct pollfd){.fd = turns->turn[i].out, .events = POLLIN};
		if (turns->turn[i].started >= 0 && turns->turn[i].go < 0)
			pollers[n++] =
				(struct pollfd){.fd = turns->turn[i].started, .events = POLLIN};
	}
	return n;
}

static bool is_readable(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};
	return fd >= 0 && poll(&poller, 1, 0) > 0;
}

static void look_whether_started(struct turns *turns, struct turn *turn)
{
	if (turn->go < 0 && is_readable(turn->started))
		relay_on_started(&turns->relay, &turn->started);
}

/* 1: all of it is there. */
static int read_out(struct turn *turn, struct err *err)
{
	for (;;) {
		if (turn->n + READ_BYTES > LIMIT_PROFILE_BYTES)
			return err_set(err, -EFBIG, ERR_FAILED, "the profile is too large");
		turn->bytes = memory_grow(turn->bytes, &turn->room, turn->n + READ_BYTES, 1);
		ssize_t n = read(turn->out, turn->bytes + turn->n, READ_BYTES);
		if (n == 0)
			return 1;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0
					       : err_set(err, -errno, ERR_FAILED,
							 "cannot read from a recording: %s",
							 strerror(errno));
		turn->n += (size_t)n;
	}
}

/* Why it failed, in its own words. */
static int take_failure(struct turns *turns, const struct turn *turn, int status, struct err *err)
{
	struct err why;
	if (read(turn->failure, &why, sizeof(why)) != sizeof(why))
		return err_set(err, -EIO, ERR_FAILED, "a recording ended with status %d",
			       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	if (why.status == ERR_NOTHING_SAMPLED)
		return TURNS_NOTHING;
	if (why.status == ERR_NO_PROCESS && turn->number) {
		turns->stopping = true;
		return TURNS_AGAIN;
	}
	err_set(err, -EIO, why.status, "%s", why.msg);
	err_hint(err, "%s", why.hint);
	return -EIO;
}

/* The last moments of what has ended, without CPU time: what was shown before says more. */
static bool is_empty_end(const struct turns *turns, const struct profile *profile)
{
	return (turns->stopping || target_has_ended(&turns->args->target)) && profile->info &&
	       profile->info->has_samples && !profile->info->samples;
}

/* The turn is over: its profile, if it is not late. */
static int finish(struct turns *turns, struct turn *turn, struct profile **profile, struct err *err)
{
	int status = 0, code = TURNS_AGAIN;
	waitpid(turn->pid, &status, 0);
	turn->pid = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		code = take_failure(turns, turn, status, err);
	else if (turn->number >= turns->to_give)
		code = pprof_read_bytes(turn->bytes, turn->n, "a recording", profile, err);
	if (code == 0 && *profile && is_empty_end(turns, *profile)) {
		profile_free(*profile);
		*profile = NULL;
		code = TURNS_NOTHING;
	}
	if (code == 0 && *profile)
		code = TURNS_PROFILE;
	if (code > 0)
		turns->to_give = turn->number + 1;
	turn_deinit(turn);
	return code;
}

int turns_take(struct turns *turns, struct profile **profile, struct err *err)
{
	int code = TURNS_AGAIN;
	*profile = NULL;
	for (int i = 0; i < TURNS_MOST; i++) {
		struct turn *turn = &turns->turn[i];
		if (turn->pid && code == TURNS_AGAIN) {
			look_whether_started(turns, turn);
			code = read_out(turn, err);
			if (code == 1)
				code = finish(turns, turn, profile, err);
		}
	}
	if (code != TURNS_AGAIN || !turns->stopping || any_runs(turns) || turns->told)
		return code;
	turns->told = true;
	return TURNS_ENDED;
}
