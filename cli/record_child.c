/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/record_child.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/err.h"
#include "common/guard.h"

/* In the child. The end of file on `go` instead of a byte: the recording did not come about. */
_Noreturn static void become(char **argv, const sigset_t *mask, int go, int failure)
{
	char byte;
	ssize_t n;
	while ((n = read(go, &byte, 1)) < 0 && errno == EINTR)
		;
	if (n != 1)
		_exit(0);
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(argv[0], argv);
	int code = errno;
	(void)!write(failure, &code, sizeof(code));
	_exit(code == ENOENT ? 127 : 126);
}

int record_child_start(struct record_child *child, char **argv, const sigset_t *mask,
		       struct err *err)
{
	*child = (struct record_child){.pidfd = -1, .go = -1, .failure = -1, .name = argv[0]};
	int go[2], failure[2];
	if (pipe2(go, O_CLOEXEC))
		return err_set(err, -errno, ERR_FAILED, "cannot make a pipe: %s", strerror(errno));
	child->go = go[1];
	int theirs guard_fd = go[0];
	if (pipe2(failure, O_CLOEXEC))
		return err_set(err, -errno, ERR_FAILED, "cannot make a pipe: %s", strerror(errno));
	child->failure = failure[0];
	int theirs_too guard_fd = failure[1];
	pid_t pid = fork();
	if (pid < 0)
		return err_set(err, -errno, ERR_FAILED, "cannot start %s: %s", argv[0],
			       strerror(errno));
	if (!pid) {
		close(child->go);
		become(argv, mask, theirs, theirs_too);
	}
	child->pid = pid;
	child->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (child->pidfd < 0)
		return err_set(err, -errno, ERR_FAILED, "cannot open a pidfd: %s", strerror(errno));
	return 0;
}

void record_child_go(struct record_child *child)
{
	/* No SIGPIPE: the child holds its end until the exec; if it was killed, nothing is lost. */
	if (child->go >= 0)
		(void)!write(child->go, "g", 1);
	guard_close(&child->go);
}

int record_child_started(struct record_child *child, struct err *err)
{
	int code = 0;
	ssize_t n;
	while ((n = read(child->failure, &code, sizeof(code))) < 0 && errno == EINTR)
		;
	guard_close(&child->failure);
	if (n != sizeof(code))
		return 0;
	return err_set(err, -code, code == ENOENT ? 127 : 126, "cannot run %s: %s", child->name,
		       strerror(code));
}

void record_child_kill(struct record_child *child, int signal)
{
	if (child->pid)
		kill(child->pid, signal); /* not reaped yet, so the number is its own */
}

bool record_child_end(struct record_child *child, bool wait, int *status)
{
	if (!child->pid)
		return false;
	pid_t got;
	while ((got = waitpid(child->pid, status, wait ? 0 : WNOHANG)) < 0 && errno == EINTR)
		;
	if (got != child->pid)
		return false;
	child->pid = 0;
	return true;
}

void record_child_deinit(struct record_child *child)
{
	if (!child->name)
		return;
	bool held = child->go >= 0;
	guard_close(&child->go);
	guard_close(&child->failure);
	guard_close(&child->pidfd);
	int status;
	if (held)
		record_child_end(child, true, &status);
	child->name = NULL;
}
