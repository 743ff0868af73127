/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/hung.h"

#include "tests/unit.h"

#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	ALICE = 1000,
	BOB = 1001,
	LIMIT_MS = 2000,
};

static void of_one_process_for_a_minute(void)
{
	static struct hung hung;
	CU_ASSERT(!hung_has(&hung, 0, 0, 5));
	CU_ASSERT(!hung_has(&hung, ALICE, 7, 5));
	hung_add(&hung, ALICE, 7, LIMIT_MS, -1, 1000);
	CU_ASSERT(hung_has(&hung, ALICE, 7, 1000));
	CU_ASSERT(hung_has(&hung, ALICE, 7, 1000 + HUNG_FOR_MS - 1));
	CU_ASSERT(!hung_has(&hung, ALICE, 7, 1000 + HUNG_FOR_MS));
	CU_ASSERT(!hung_has(&hung, ALICE, 8, 1000));
	CU_ASSERT(!hung_has(&hung, BOB, 7, 1000)); /* of whom the number may be by then */
	/* The host's own files. */
	hung_add(&hung, 0, 0, LIMIT_MS, -1, 1000);
	CU_ASSERT(hung_has(&hung, 0, 0, 1001));
	CU_ASSERT(!hung_has(&hung, 0, 1, 1001));
}

/* A server that answers just before the limit each time is no better. */
static void small_waits_add_up(void)
{
	static struct hung hung;
	int64_t now_ms = 5;
	for (; !hung_has(&hung, ALICE, 7, now_ms); now_ms += 300)
		hung_add(&hung, ALICE, 7, 250, -1, now_ms);
	CU_ASSERT_EQUAL(now_ms, 5 + 8 * 300);
	CU_ASSERT(hung_has(&hung, ALICE, 7, 4 + HUNG_FOR_MS));
	CU_ASSERT(!hung_has(&hung, ALICE, 7, 5 + HUNG_FOR_MS)); /* since the first one */
	for (int i = 0; i < 100000; i++)
		hung_add(&hung, BOB, 7, HUNG_LEAST_MS - 1, -1, 10);
	CU_ASSERT(!hung_has(&hung, BOB, 7, 10));
}

/* However many processes a user has, and however small the waits. */
static void of_one_user(void)
{
	for (int64_t wait_ms = HUNG_LEAST_MS; wait_ms <= LIMIT_MS; wait_ms += 275) {
		struct hung hung = {0};
		int64_t waited_ms = 0;
		for (uint32_t pid = 1; !hung_has(&hung, ALICE, pid, 10); pid++) {
			hung_add(&hung, ALICE, pid, wait_ms, -1, 10);
			waited_ms += wait_ms;
		}
		CU_ASSERT(waited_ms < HUNG_OWNER_MS + wait_ms);
		CU_ASSERT(!hung_has(&hung, BOB, 1, 10));
		CU_ASSERT(!hung_has(&hung, ALICE, 1000, 10 + HUNG_FOR_MS));
	}
}

static pid_t pause_in_child(int *pidfd)
{
	pid_t pid = fork();
	if (!pid) {
		pause();
		_exit(0);
	}
	*pidfd = pidfd_open(pid, 0);
	return pid;
}

static void children_count_until_they_end(void)
{
	static struct hung hung;
	pid_t children[HUNG_STUCK_MAX];
	int64_t late_ms = 10 + 2 * HUNG_FOR_MS;
	for (int i = 0; i < HUNG_STUCK_MAX; i++) {
		uid_t owner = ALICE + (uid_t)i / HUNG_STUCK_OF_OWNER;
		int pidfd = -1;
		CU_ASSERT(!hung_has(&hung, owner, 1000, late_ms));
		children[i] = pause_in_child(&pidfd);
		hung_add(&hung, owner, (uint32_t)i, 0, pidfd, 10);
	}
	CU_ASSERT(hung_has(&hung, ALICE, 1000, late_ms));
	CU_ASSERT(hung_has(&hung, 0, 0, late_ms)); /* too many in all */
	for (int i = 0; i < HUNG_STUCK_MAX; i++) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
		CU_ASSERT(!hung_has(&hung, 0, 0, late_ms));
		CU_ASSERT_EQUAL(hung_has(&hung, ALICE + HUNG_STUCK_MAX / HUNG_STUCK_OF_OWNER - 1,
					 1000, late_ms),
				i < HUNG_STUCK_MAX - HUNG_STUCK_OF_OWNER);
	}
}

SUITE(hung, {"of one process for a minute", of_one_process_for_a_minute},
      {"small waits add up", small_waits_add_up}, {"of one user", of_one_user},
      {"children count until they end", children_count_until_they_end});
