/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/bounded.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/guard.h"

static void close_between(int first, int last)
{
	if (first <= last)
		close_range((unsigned)first, (unsigned)last, 0);
}

void bounded_keep_only(int a, int b)
{
	int low = a < b ? a : b, high = a < b ? b : a;
	close_between(STDERR_FILENO + 1, low - 1);
	close_between(low + 1, high - 1);
	close_range((unsigned)high + 1, ~0u, 0);
}

/* A fault in another's memory lets go of a task only when that is killed, which an alarm does. */
static void arm(unsigned limit_ms)
{
	const struct itimerval limit = {
		.it_value = {.tv_sec = limit_ms / 1000, .tv_usec = limit_ms % 1000 * 1000L}};
	sigset_t ends;
	sigemptyset(&ends);
	sigaddset(&ends, SIGALRM);
	sigaddset(&ends, SIGPIPE); /* nobody reads any more */
	signal(SIGALRM, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &ends, NULL);
	setitimer(ITIMER_REAL, &limit, NULL);
}

static void pass_on(int from, int to)
{
	static uint8_t part[64 << 10];
	ssize_t n;
	while ((n = read(from, part, sizeof(part))) > 0)
		for (ssize_t done = 0, wrote = 0; done < n; done += wrote)
			if ((wrote = write(to, part + done, (size_t)(n - done))) <= 0)
				return;
}

int bounded_read(int from, unsigned limit_ms, int *to)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	int ours guard_fd = ends[0];
	int theirs guard_fd = ends[1];
	pid_t parent = getpid(), child = fork();
	if (child < 0)
		return -errno;
	if (child == 0) {
		bounded_keep_only(from, theirs);
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		arm(limit_ms);
		if (getppid() == parent)
			pass_on(from, theirs);
		_exit(EXIT_SUCCESS);
	}
	*to = steal_fd(ours);
	return 0;
}
