/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/target.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/err.h"
#include "common/guard.h"
#include "common/limits.h"
#include "common/memory.h"
#include "common/procfs.h"

enum {
	PID_LARGEST = 1 << 22 /* PID_MAX_LIMIT */
};

void target_deinit(struct target *target)
{
	if (target->fds)
		for (size_t i = 0; i < target->n_pids + target->n_tids; i++)
			guard_close(&target->fds[i]);
	free(target->fds);
	free(target->pids);
	free(target->tids);
	*target = (struct target){0};
}

static int add(uint32_t **numbers, size_t *n, uint32_t number, struct err *err)
{
	for (size_t i = 0; i < *n; i++)
		if ((*numbers)[i] == number)
			return 0;
	if (*n == LIMIT_TARGETS)
		return err_set(err, -EINVAL, ERR_USAGE, "more than %d targets", LIMIT_TARGETS);
	*numbers = memory_resize(*numbers, *n + 1, sizeof(**numbers));
	(*numbers)[(*n)++] = number;
	return 0;
}

static int add_list(uint32_t **numbers, size_t *n, const char *option, const char *text,
		    struct err *err)
{
	static const char separators[] = ", \t\r\n";
	const char *at = text + strspn(text, separators);
	if (!*at) {
		err_set(err, -EINVAL, ERR_USAGE, "the list of %s is empty", option);
		err_hint(err, "did the command that makes the list find no process?");
		return -EINVAL;
	}
	while (*at) {
		size_t bytes = strcspn(at, separators);
		unsigned long number = 0;
		for (size_t i = 0; i < bytes && number <= PID_LARGEST; i++)
			number = isdigit((unsigned char)at[i])
					 ? number * 10 + (unsigned long)(at[i] - '0')
					 : PID_LARGEST + 1ul;
		if (number == 0 || number > PID_LARGEST) {
			const bool threads = !strcmp(option, "-t");
			err_set(err, -EINVAL, ERR_USAGE, "%s: \"%.*s\" is no %s number", option,
				bytes < 40 ? (int)bytes : 40, at, threads ? "thread" : "process");
			err_hint(err, threads ? "/proc/PID/task has the threads of a process"
					      : "by name: --comm NAME, or -p \"$(pgrep NAME)\"");
			return -EINVAL;
		}
		int code = add(numbers, n, (uint32_t)number, err);
		if (code < 0)
			return code;
		at += bytes;
		at += strspn(at, separators);
	}
	return 0;
}

int target_add_pids(struct target *target, const char *text, struct err *err)
{
	return add_list(&target->pids, &target->n_pids, "-p", text, err);
}

int target_add_tids(struct target *target, const char *text, struct err *err)
{
	return add_list(&target->tids, &target->n_tids, "-t", text, err);
}

static bool has_ended(uint32_t pid)
{
	struct procfs_stat stat;
	return !procfs_status(pid, &stat) && procfs_has_ended(&stat);
}

static int open_process(uint32_t pid, struct err *err)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd >= 0 && has_ended(pid)) {
		close(fd);
		return err_set(err, -ESRCH, ERR_NO_PROCESS,
			       "PID %u has ended and waits for its parent (a zombie)", pid);
	}
	if (fd >= 0)
		return fd;
	if (errno == ESRCH)
		return err_set(err, -ESRCH, ERR_NO_PROCESS, "no process with PID %u", pid);
	uint32_t process = procfs_tgid(pid);
	if (process && process != pid) {
		err_set(err, -EINVAL, ERR_USAGE, "%u is a thread of PID %u", pid, process);
		err_hint(err, "-p %u records the process, -t %u only this thread", process, pid);
		return -EINVAL;
	}
	/* A process that ended between our calls, or a kernel without the call. */
	return err_set(err, -errno, ERR_FAILED, "cannot open PID %u: %s", pid, strerror(errno));
}

static int open_thread(uint32_t tid, struct err *err)
{
	uint32_t process = procfs_tgid(tid);
	if (!process)
		return err_set(err, -ESRCH, ERR_NO_PROCESS, "no thread with TID %u", tid);
	return open_process(process, err);
}

/* A pidfd a target, and its copies on the wire, may be more than a shell's usual 1,024. */
static void raise_fd_limit(size_t n)
{
	struct rlimit limit;
	if (n < 200 || getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int target_open(struct target *target, struct err *err)
{
	size_t n = target->n_pids + target->n_tids;
	raise_fd_limit(n);
	target->fds = memory_new(n, sizeof(*target->fds));
	for (size_t i = 0; i < n; i++)
		target->fds[i] = -1;
	for (size_t i = 0; i < n; i++) {
		int fd = i < target->n_pids ? open_process(target->pids[i], err)
					    : open_thread(target->tids[i - target->n_pids], err);
		if (fd < 0)
			return fd;
		target->fds[i] = fd;
	}
	return 0;
}

bool target_has_ended(const struct target *target)
{
	size_t n = target->n_pids + target->n_tids;
	for (size_t i = 0; i < n; i++) {
		struct pollfd poller = {.fd = target->fds[i], .events = POLLIN};
		if (poll(&poller, 1, 0) == 0)
			return false;
	}
	return n > 0;
}
