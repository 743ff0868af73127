/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/daemon_link.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/guard.h"
#include "common/limits.h"
#include "common/message.h"
#include "common/path.h"
#include "common/protocol.pb-c.h"
#include "common/wire.h"

#define DEFAULT_SOCKET "/run/probe/probe.sock"

enum {
	HELLO_MS = 2000,      /* of a daemon that listens */
	HELLO_OWN_MS = 20000, /* of our own: it starts three processes, on a loaded machine */
	ANSWER_MS = 10000,    /* to a question that is answered at once */
	GOODBYE_MS = 5000,    /* until our own is killed */
	LAST_WORDS_MS = 1000, /* from a hang-up to the exit status */
	QUEUE_BYTES = 2 * LIMIT_WIRE_BYTES,
};

/* Waits for the wire to be readable; 0: not in time. */
static int wait_readable(int fd, int64_t until_ms)
{
	for (;;) {
		int64_t left = until_ms - clock_now_ms();
		struct pollfd poller = {.fd = fd, .events = POLLIN};
		int n = poll(&poller, 1, left > 0 ? (int)left : 0);
		if (n >= 0 || errno != EINTR)
			return n;
	}
}

static int check_hello(const Probe__Message *hello, struct err *err)
{
	if (hello->kind_case == PROBE__MESSAGE__KIND_FAILED)
		return message_get_failed(hello->failed, err);
	if (hello->kind_case != PROBE__MESSAGE__KIND_HELLO)
		return err_set(err, -EPROTO, ERR_NO_DAEMON,
			       "what answers on the socket is no probe daemon");
	if (hello->hello->protocol == MESSAGE_PROTOCOL)
		return 0;
	err_set(err, -EPROTO, ERR_NO_DAEMON, "the daemon speaks protocol %u, this program %d",
		hello->hello->protocol, MESSAGE_PROTOCOL);
	err_hint(err, "install both from the same version");
	return -EPROTO;
}

int daemon_link_greet(struct daemon_link *link, int socket_take, int timeout_ms, struct err *err)
{
	link->wire = wire_new(socket_take, QUEUE_BYTES);
	if (!link->wire)
		return err_set(err, -ENOMEM, ERR_FAILED, "out of memory");
	int64_t until_ms = clock_now_ms() + timeout_ms;
	message_send_hello(
		link->wire); /* if that fails, what the daemon said before is still read */
	for (;;) {
		Probe__Message *message;
		int got = message_receive(link->wire, &message);
		if (got == WIRE_FRAME) {
			int code = check_hello(message, err);
			message_free(message);
			return code;
		}
		if (got == WIRE_END || (got < 0 && got != -EPROTO))
			return daemon_link_lost(link, err);
		if (got < 0)
			return err_set(err, got, ERR_NO_DAEMON,
				       "what answers on the socket is no probe daemon");
		got = wait_readable(wire_fd(link->wire), until_ms);
		if (got < 0)
			return err_set(err, -errno, ERR_FAILED, "poll: %s", strerror(errno));
		if (got == 0)
			return err_set(err, -ETIMEDOUT, ERR_NO_DAEMON,
				       "no answer from the daemon in %g s", timeout_ms / 1e3);
	}
}

/* The connected socket; -ENOENT: nobody listens (no words). */
static int connect_to(const char *path, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address.sun_path))
		return err_set(err, -ENAMETOOLONG, ERR_USAGE, "the socket's path is too long: %s",
			       path);
	strcpy(address.sun_path, path);
	int fd guard_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(err, -errno, ERR_FAILED, "cannot make a socket: %s",
			       strerror(errno));
	int64_t until_ms = clock_now_ms() + HELLO_MS;
	while (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		int code = errno;
		if (code == EAGAIN && clock_now_ms() < until_ms) { /* its queue is full */
			poll(NULL, 0, 20);
			continue;
		}
		if (code == ENOENT || code == ECONNREFUSED || code == ENOTDIR)
			return -ENOENT;
		if (code == EACCES) {
			err_set(err, -code, ERR_PERMISSION, "permission denied: %s", path);
			err_hint(err, "ask to be added to group \"probe\", or use sudo");
			return -code;
		}
		return err_set(err, -code, ERR_NO_DAEMON, "cannot reach the daemon on %s: %s", path,
			       code == EAGAIN ? "it is too busy" : strerror(code));
	}
	return steal_fd(fd);
}

/* In the child. A session of its own keeps the terminal's Ctrl-C from it: it ends when we hang up.
 */
_Noreturn static void become_probed(const char *path, int socket)
{
	char number[16];
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
	}
	fcntl(socket, F_SETFD, 0);
	snprintf(number, sizeof(number), "%d", socket);
	execl(path, "probed", "--embedded", number, (char *)NULL);
	_exit(127);
}

static int start_own(struct daemon_link *link, struct err *err)
{
	char path[PATH_MAX];
	int code = path_find_program(path, "probed", err);
	if (code < 0)
		return code;
	int fds[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return err_set(err, -errno, ERR_FAILED, "cannot make a socket: %s",
			       strerror(errno));
	int ours guard_fd = fds[0], theirs guard_fd = fds[1];
	link->pid = fork();
	if (link->pid < 0) {
		code = -errno;
		link->pid = 0;
		return err_set(err, code, ERR_FAILED, "cannot start probed: %s", strerror(-code));
	}
	if (!link->pid)
		become_probed(path, theirs);
	guard_close(&theirs);
	return daemon_link_greet(link, steal_fd(ours), HELLO_OWN_MS, err);
}

static const char *path_of_socket(const char *socket_path)
{
	const char *path = socket_path ? socket_path : getenv("PROBE_SOCKET");
	return path && *path ? path : DEFAULT_SOCKET;
}

int daemon_link_open(struct daemon_link *link, const char *socket_path, struct err *err)
{
	*link = (struct daemon_link){0};
	const char *path = path_of_socket(socket_path);
	int code = connect_to(path, err);
	if (code >= 0)
		code = daemon_link_greet(link, code, HELLO_MS, err);
	else if (code == -ENOENT && geteuid() == 0)
		code = start_own(link, err);
	else if (code == -ENOENT) {
		err_set(err, code, ERR_NO_DAEMON,
			"no daemon listens on %s, and only root can do without", path);
		err_hint(err, "use sudo, or install and start the service probed");
	}
	if (code < 0)
		daemon_link_close(link);
	return code;
}

int daemon_link_connect(struct daemon_link *link, const char *socket_path, struct err *err)
{
	*link = (struct daemon_link){0};
	const char *path = path_of_socket(socket_path);
	int code = connect_to(path, err);
	if (code >= 0)
		code = daemon_link_greet(link, code, HELLO_MS, err);
	else if (code == -ENOENT) {
		err_set(err, code, ERR_NO_DAEMON, "no daemon listens on %s", path);
		err_hint(err,
			 "start the service: `systemctl start probed`, or `probed --socket PATH`");
	}
	if (code < 0)
		daemon_link_close(link);
	return code;
}

/* A message that is another kind is a Failed or nonsense. */
static int refuse_kind(const Probe__Message *message, struct err *err)
{
	if (message->kind_case == PROBE__MESSAGE__KIND_FAILED)
		return message_get_failed(message->failed, err);
	return err_set(err, -EPROTO, ERR_FAILED, "the daemon answered something else");
}

int daemon_link_receive(struct daemon_link *link, int kind, Probe__Message **message,
			struct err *err)
{
	int64_t until_ms = clock_now_ms() + ANSWER_MS;
	for (;;) {
		Probe__Message *got;
		int code = message_receive(link->wire, &got);
		if (code == WIRE_FRAME && (int)got->kind_case == kind) {
			*message = got;
			return 0;
		}
		if (code == WIRE_FRAME) {
			code = refuse_kind(got, err);
			message_free(got);
			return code;
		}
		if (code == WIRE_END || code == -ECONNRESET)
			return err_set(err, -EPIPE, ERR_FAILED, "the daemon hung up");
		if (code < 0)
			return err_set(err, code, ERR_FAILED, "cannot read from the daemon: %s",
				       strerror(-code));
		if (wait_readable(wire_fd(link->wire), until_ms) == 0)
			return err_set(err, -ETIMEDOUT, ERR_FAILED,
				       "no answer from the daemon in %g s", ANSWER_MS / 1e3);
	}
}

/* Whether our probed has ended within `timeout_ms`; *status as of waitpid(). Reaps it. */
static bool wait_own(struct daemon_link *link, int timeout_ms, int *status)
{
	int pidfd guard_fd = (int)syscall(SYS_pidfd_open, link->pid, 0);
	if (pidfd >= 0)
		wait_readable(pidfd, clock_now_ms() + timeout_ms);
	if (waitpid(link->pid, status, WNOHANG) != link->pid)
		return false;
	link->pid = 0;
	return true;
}

int daemon_link_lost(struct daemon_link *link, struct err *err)
{
	int status;
	if (!link->pid)
		return err_set(err, -EPIPE, ERR_FAILED,
			       "the daemon hung up: the recording is lost");
	if (!wait_own(link, LAST_WORDS_MS, &status))
		return err_set(err, -EPIPE, ERR_FAILED, "the engine ended: the recording is lost");
	if (WIFSIGNALED(status))
		return err_set(err, -EPIPE, ERR_FAILED,
			       "probed was killed by signal %d (%s): the recording is lost",
			       WTERMSIG(status), strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status))
		return err_set(err, -EPIPE, ERR_FAILED,
			       "probed ended with status %d: the recording is lost",
			       WEXITSTATUS(status));
	return err_set(err, -EPIPE, ERR_FAILED,
		       "the engine (a process of probed) died: the recording is lost");
}

void daemon_link_hang_up(struct daemon_link *link)
{
	wire_free(link->wire);
	link->wire = NULL;
}

void daemon_link_close(struct daemon_link *link)
{
	daemon_link_hang_up(link);
	int status;
	if (!link->pid || wait_own(link, GOODBYE_MS, &status))
		return;
	kill(link->pid, SIGKILL);
	waitpid(link->pid, NULL, 0);
	link->pid = 0;
}
