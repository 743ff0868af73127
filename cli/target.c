/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/target.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/err.h"
#include "common/guard.h"
#include "common/limits.h"
#include "common/memory.h"

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
			err_set(err, -EINVAL, ERR_USAGE, "%s: \"%.*s\" is no process number",
				option, bytes < 40 ? (int)bytes : 40, at);
			err_hint(err, "by name: --comm NAME, or -p \"$(pgrep NAME)\"");
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

/* The value of a line of /proc/PID/status; -1: not there. */
static long status_number(uint32_t pid, const char *key)
{
	char path[64], line[256];
	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	FILE *file guard_file = fopen(path, "re");
	size_t length = strlen(key);
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, key, length) && line[length] == ':')
			return strtol(line + length + 1, NULL, 10);
	return -1;
}

/* A process whose first thread has ended but others run shows as a zombie too. */
static bool has_ended(uint32_t pid)
{
	char path[64], line[1024];
	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	FILE *file guard_file = fopen(path, "re");
	if (!file)
		return false;
	size_t bytes = fread(line, 1, sizeof(line) - 1, file);
	line[bytes] = '\0';
	const char *state = strrchr(line, ')'); /* the name before it may hold anything */
	if (!state || (state[1] && state[2] != 'Z' && state[2] != 'X'))
		return false;
	return status_number(pid, "Threads") <= 1;
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
	long process = status_number(pid, "Tgid");
	if (process > 0 && process != (long)pid) {
		err_set(err, -EINVAL, ERR_USAGE, "%u is a thread of PID %ld", pid, process);
		err_hint(err, "-p %ld records the process, -t %u only this thread", process, pid);
		return -EINVAL;
	}
	/* A process that ended between our calls, or a kernel without the call. */
	return err_set(err, -errno, ERR_FAILED, "cannot open PID %u: %s", pid, strerror(errno));
}

static int open_thread(uint32_t tid, struct err *err)
{
	long process = status_number(tid, "Tgid");
	if (process <= 0)
		return err_set(err, -ESRCH, ERR_NO_PROCESS, "no thread with TID %u", tid);
	return open_process((uint32_t)process, err);
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
