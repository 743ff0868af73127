/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/bounded.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/guard.h"
#include "tests/unit.h"

/* Of other tests, too. */
static void bury_children(void)
{
	while (waitpid(-1, NULL, 0) > 0)
		;
}

/* Until its end. */
static size_t read_all(int fd, char *to, size_t room)
{
	size_t have = 0;
	ssize_t n;
	while (have < room && (n = read(fd, to + have, room - have)) > 0)
		have += (size_t)n;
	return have;
}

static void passes_on_all_of_it(void)
{
	static char bytes[60000], got[sizeof(bytes) + 1];
	int ends[2], fd = -1;
	memset(bytes, 'x', sizeof(bytes));
	CU_ASSERT_EQUAL(pipe(ends), 0);
	CU_ASSERT_EQUAL(write(ends[1], bytes, sizeof(bytes)), sizeof(bytes));
	close(ends[1]);
	CU_ASSERT_EQUAL(bounded_read(ends[0], 60000, &fd), 0);
	int guarded guard_fd = fd;
	CU_ASSERT_EQUAL(read_all(fd, got, sizeof(got)), sizeof(bytes));
	CU_ASSERT_EQUAL(memcmp(got, bytes, sizeof(bytes)), 0);
	close(ends[0]);
	bury_children();
}

/* What was there is passed on, then it is over; also where the caller has the signals blocked. */
static void ends_what_does_not_end(void)
{
	int ends[2], fd = -1;
	char got[8];
	sigset_t all, before;
	bury_children();
	CU_ASSERT_EQUAL(pipe(ends), 0);
	CU_ASSERT_EQUAL(write(ends[1], "abc", 3), 3);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	CU_ASSERT_EQUAL(bounded_read(ends[0], 100, &fd), 0);
	sigprocmask(SIG_SETMASK, &before, NULL);
	int guarded guard_fd = fd;
	CU_ASSERT_EQUAL(read_all(fd, got, sizeof(got)), 3);
	int status = 0;
	CU_ASSERT(waitpid(-1, &status, 0) > 0);
	CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
	close(ends[0]);
	close(ends[1]);
}

SUITE(bounded, {"passes on all of it", passes_on_all_of_it},
      {"ends what does not end", ends_what_does_not_end});
