/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/err.h"
#include "common/guard.h"
#include "common/packet.h"
#include "common/path.h"
#include "daemon/privileges.h"

enum {
	WORKER_SOCKET = 3,
	ENGINE_LAST_WORDS_US = 500000,
};

int launch_open_program(const char *name, int *fd, struct err *err)
{
	char path[PATH_MAX];
	int code = path_find_program(path, name, err);
	if (code < 0)
		return code;
	int opened = open(path, O_PATH | O_CLOEXEC);
	if (opened < 0)
		return err_set(err, -errno, ERR_FAILED, "%s: %s", path, strerror(errno));
	*fd = opened;
	return 0;
}

void launch_quiet(void)
{
	int null guard_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
#ifndef SANITIZE /* what a sanitizer says must be seen */
	dup2(null, STDERR_FILENO);
#endif
	if (null <= STDERR_FILENO)
		(void)steal_fd(null);
}

/* The broker is gone: the engine notices by its socket and says so to its clients; if it hangs,
 * SIGALRM ends it. */
static void on_broker_death(int signal)
{
	const struct itimerval limit = {.it_value.tv_usec = ENGINE_LAST_WORDS_US};
	setitimer(ITIMER_REAL, &limit, NULL);
}

/* Has the kernel send `signal` when the parent ends, or at once if that has happened. After a
 * change of uid, which would take it back. */
static void follow_parent(pid_t parent, int signal)
{
	prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0);
	if (getppid() != parent)
		raise(signal);
}

static _Noreturn void engine_child(launch_run *run, int socket, int broker_socket, pid_t parent)
{
	struct err err = {0};
	prctl(PR_SET_NAME, "probed-engine", 0, 0, 0);
	signal(SIGALRM, SIG_DFL);
	signal(SIGUSR2, on_broker_death);
	if (privileges_drop(LAUNCH_ENGINE_UID, &err) < 0) {
		fprintf(stderr, "probed: %s\n", err.msg);
		_exit(EXIT_FAILURE);
	}
	privileges_limit_engine();
	follow_parent(parent, SIGUSR2);
	exit(run(socket, broker_socket));
}

int launch_engine(launch_run *run, int socket, struct launch_engine *engine, struct err *err)
{
	int pair[2];
	int code = packet_pair(pair);
	if (code)
		return err_set(err, code, ERR_FAILED, "cannot make a socket pair: %s",
			       strerror(-code));
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid == 0) {
		close(pair[0]);
		engine_child(run, socket, pair[1], parent);
	}
	code = pid < 0 ? -errno : 0;
	close(pair[1]);
	if (code) {
		close(pair[0]);
		return err_set(err, code, ERR_FAILED, "cannot fork: %s", strerror(-code));
	}
	engine->broker_socket = pair[0];
	engine->pidfd = pidfd_open(pid, 0);
	return 0;
}

/* Signals ignored here would stay ignored in the worker. */
static void reset_signals(void)
{
	static const int changed[] = {SIGALRM, SIGCHLD, SIGHUP,	 SIGINT,
				      SIGPIPE, SIGPROF, SIGTERM, SIGUSR2};
	for (size_t i = 0; i < sizeof(changed) / sizeof(changed[0]); i++)
		signal(changed[i], SIG_DFL);
}

/* Puts the worker's socket at its place; all else closes at the exec. *program, *status: moved out
 * of the way. */
static int arrange_fds(int socket, int *program, int *status)
{
	int high = fcntl(socket, F_DUPFD_CLOEXEC, WORKER_SOCKET + 1);
	*program = fcntl(*program, F_DUPFD_CLOEXEC, WORKER_SOCKET + 1);
	*status = fcntl(*status, F_DUPFD_CLOEXEC, WORKER_SOCKET + 1);
	if (high < 0 || *program < 0 || *status < 0 || dup2(high, WORKER_SOCKET) < 0 ||
	    close_range(WORKER_SOCKET + 1, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		return -errno;
	return 0;
}

/* Becomes the worker; the code of what fails is written to `status`, which the exec closes. */
static _Noreturn void worker_child(int program, int socket, int status, pid_t parent)
{
	static char *const arguments[] = {"probe-symbolizer", NULL};
#ifdef SANITIZE /* LeakSanitizer attaches to its own process, which a worker may not */
	static char *const environment[] = {"ASAN_OPTIONS=detect_leaks=0", NULL};
#else
	static char *const environment[] = {NULL};
#endif
	reset_signals();
	launch_quiet();
	int code = arrange_fds(socket, &program, &status);
	if (!code)
		code = privileges_drop(LAUNCH_WORKER_UID, NULL);
	if (!code)
		code = privileges_limit_worker();
	if (!code) {
		follow_parent(parent, SIGKILL);
		execveat(program, "", arguments, environment, AT_EMPTY_PATH);
		code = -errno;
	}
	(void)!write(status, &code, sizeof(code));
	_exit(EXIT_FAILURE);
}

/* Waits for the child's exec: 0, or the code it wrote. */
static int await_exec(int status)
{
	int code = 0;
	ssize_t n;
	do
		n = read(status, &code, sizeof(code));
	while (n < 0 && errno == EINTR);
	return n == 0 ? 0 : n == sizeof(code) ? code : -EIO;
}

/* Forks; `pair[1]` and `status[1]` are the child's ends. */
static int start_worker(int program, const int pair[2], const int status[2],
			struct launch_worker *worker)
{
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		worker_child(program, pair[1], status[1], parent);
	worker->pid = pid;
	worker->pidfd = pidfd_open(pid, 0);
	return 0;
}

int launch_worker(int program, struct launch_worker *worker, int *socket, struct err *err)
{
	int pair[2], status[2];
	int code = packet_pair(pair);
	if (code)
		return err_set(err, code, ERR_FAILED, "cannot make a socket pair: %s",
			       strerror(-code));
	int ours guard_fd = pair[0];
	int theirs guard_fd = pair[1];
	if (pipe2(status, O_CLOEXEC) < 0)
		return err_set(err, -errno, ERR_FAILED, "cannot make a pipe: %s", strerror(errno));
	int status_read guard_fd = status[0];
	int status_write guard_fd = status[1];
	struct launch_worker started = {.pidfd = -1};
	code = start_worker(program, pair, status, &started);
	if (code)
		return err_set(err, code, ERR_FAILED, "cannot fork: %s", strerror(-code));
	close(steal_fd(status_write));
	code = await_exec(status_read);
	if (!code && started.pidfd < 0)
		code = -ESRCH;
	if (code) {
		if (started.pidfd >= 0)
			close(started.pidfd);
		err_set(err, code, ERR_FAILED, "cannot start probe-symbolizer: %s",
			strerror(-code));
		if (code == -EACCES)
			err_hint(err, "it must be executable by everybody: chmod o+rx");
		return code;
	}
	*worker = started;
	*socket = steal_fd(ours);
	return 0;
}
