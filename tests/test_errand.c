/* SPDX-License-Identifier: Apache-2.0 */
/* A child that answers, one that does not, one that crashes; and what is left of each. */
#include "daemon/errand.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/guard.h"
#include "tests/unit.h"

enum {
	LONG_MS = 60000, /* on a loaded machine, too */
	SPENT_MS = 100,
	WAITS = 10, /* requests */
	WORKS,
};

static int wait_or_work(bool works)
{
	uint64_t end_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) + SPENT_MS * 1000000ull;
	while (works && clock_ns(CLOCK_PROCESS_CPUTIME_ID) < end_ns)
		;
	if (!works)
		usleep(SPENT_MS * 1000);
	return 0;
}

static int answer(const void *context, const void *request, int *fd)
{
	const int *n = request;
	if (*n == 0)
		pause();
	if (*n == 1)
		kill(getpid(), SIGKILL);
	if (*n == 2)
		*fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (*n >= WAITS)
		return wait_or_work(*n == WORKS);
	return *n == 3 ? -EXDEV : *n + *(const int *)context;
}

static int refuse(const void *context)
{
	return -EPERM;
}

static const struct errand_kind answering = {.run = answer, .bytes = sizeof(int)};

static int ask(struct errand *errand, int request, int limit_ms, int *fd)
{
	static const int context = 100;
	struct errand_wait wait;
	int code = errand_ask(errand, &answering, &context, &request, limit_ms, fd, &wait);
	CU_ASSERT_EQUAL(wait.stuck, -1);
	return code;
}

static void stays_until_it_fails(void)
{
	struct errand errand = {0};
	int fd guard_fd = -1, none = 0;
	CU_ASSERT_EQUAL(ask(&errand, 2, LONG_MS, &fd), 102);
	CU_ASSERT(fd >= 0);
	pid_t first = errand.pid;
	CU_ASSERT_EQUAL(ask(&errand, 3, LONG_MS, &none), -EXDEV);
	CU_ASSERT_EQUAL(ask(&errand, 4, LONG_MS, &none), 104);
	CU_ASSERT_EQUAL(none, -1);
	CU_ASSERT_EQUAL(errand.pid, first);
	CU_ASSERT_EQUAL(ask(&errand, 1, LONG_MS, &none), -EIO);
	CU_ASSERT_EQUAL(errand.pid, 0);
	CU_ASSERT_EQUAL(ask(&errand, 0, 20, &none), -ETIMEDOUT);
	CU_ASSERT_EQUAL(errand.pid, 0);
	CU_ASSERT_EQUAL(ask(&errand, 5, LONG_MS, &none), 105);
	errand_end(&errand, NULL);
	errand_end(&errand, NULL);
}

/* One that ended while nobody asked. */
static void begins_anew(void)
{
	struct errand errand = {0};
	int none = 0;
	CU_ASSERT_EQUAL(ask(&errand, 5, LONG_MS, &none), 105);
	kill(errand.pid, SIGKILL);
	waitid(P_PID, (id_t)errand.pid, &(siginfo_t){0}, WEXITED | WNOWAIT);
	CU_ASSERT_EQUAL(ask(&errand, 6, LONG_MS, &none), 106);
	errand_end(&errand, NULL);
}

static void answers_that_it_could_not_begin(void)
{
	static const struct errand_kind kind = {refuse, answer, sizeof(int)};
	struct errand errand = {0};
	struct errand_wait wait;
	int fd = 0;
	for (int i = 5; i < 7; i++)
		CU_ASSERT_EQUAL(errand_ask(&errand, &kind, NULL, &i, LONG_MS, &fd, &wait), -EPERM);
	CU_ASSERT_EQUAL(fd, -1);
	errand_end(&errand, NULL);
}

/* Who had to be waited for is charged with that, not with work, nor with waiting for a CPU. */
static void tells_how_long_it_waited(void)
{
	struct errand errand = {0};
	struct errand_wait waits, works;
	const int requests[] = {WAITS, WORKS};
	int fd;
	errand_ask(&errand, &answering, NULL, &requests[0], LONG_MS, &fd, &waits);
	errand_ask(&errand, &answering, NULL, &requests[1], LONG_MS, &fd, &works);
	CU_ASSERT(waits.ms > SPENT_MS / 2);
	CU_ASSERT(works.ms < SPENT_MS / 2);
	errand_end(&errand, NULL);
}

/* Who could not be killed is asked nothing. */
static void needs_a_hold_on_it(void)
{
	struct errand errand = {0};
	struct rlimit all, few;
	int none = 0, next = dup(STDERR_FILENO), last = dup(STDERR_FILENO);
	close(next);
	close(last);
	getrlimit(RLIMIT_NOFILE, &all);
	few = all;
	few.rlim_cur = (rlim_t)last + 1; /* both ends of the socket */
	setrlimit(RLIMIT_NOFILE, &few);
	int code = ask(&errand, 5, LONG_MS, &none);
	setrlimit(RLIMIT_NOFILE, &all);
	CU_ASSERT_EQUAL(code, -EMFILE);
	CU_ASSERT_EQUAL(errand.pid, 0);
	errand_end(&errand, NULL);
	CU_ASSERT(wait(NULL) > 0); /* and goes */
	CU_ASSERT_EQUAL(ask(&errand, 5, LONG_MS, &none), 105);
	errand_end(&errand, NULL);
}

SUITE(errand, {"tells how long it waited", tells_how_long_it_waited},
      {"stays until it fails", stays_until_it_fails}, {"begins anew", begins_anew},
      {"needs a hold on it", needs_a_hold_on_it},
      {"answers that it could not begin", answers_that_it_could_not_begin});
