/* SPDX-License-Identifier: Apache-2.0 */
/* A child takes over what nobody wants to close last. The test's own process is the engine. */
#include "daemon/discards.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/guard.h"
#include "tests/unit.h"

static int reader_of(int *writer)
{
	int ends[2];
	CU_ASSERT_EQUAL(pipe(ends), 0);
	*writer = ends[1];
	return ends[0];
}

static bool is_held(int reader, int limit_ms)
{
	struct pollfd hung_up = {.fd = reader};
	return poll(&hung_up, 1, limit_ms) == 0;
}

static void holds_until_the_end(void)
{
	struct discards discards = {.engine = pidfd_open(getpid(), 0)};
	int writer = -1, reader guard_fd = reader_of(&writer);
	const int32_t fds[1] = {writer};
	CU_ASSERT_EQUAL(discards_begin(&discards, fds, 1), 0);
	close(writer);
	CU_ASSERT(is_held(reader, 0));
	discards_end(&discards);
	CU_ASSERT(!is_held(reader, 30000));
	discards_end(&discards);
	CU_ASSERT_EQUAL(discards_begin(&discards, &(int32_t){-1}, 1), -EIO);
	close(discards.engine);
	while (waitpid(-1, NULL, 0) > 0)
		;
	for (int i = 0; i < DISCARDS_CHILDREN; i++)
		if (discards.children[i])
			close(discards.children[i]);
}

/* Not more children than may be stuck, and again when one has ended. */
static void counts_its_children(void)
{
	struct discards discards = {.engine = pidfd_open(getpid(), 0)};
	int writer = -1, reader guard_fd = reader_of(&writer);
	const int32_t fds[1] = {writer};
	pid_t stuck = fork();
	if (stuck == 0) {
		pause();
		_exit(0);
	}
	for (int i = 0; i < DISCARDS_CHILDREN; i++)
		discards.children[i] = pidfd_open(stuck, 0);
	CU_ASSERT_EQUAL(discards_begin(&discards, fds, 1), -EBUSY);
	kill(stuck, SIGKILL);
	waitpid(stuck, NULL, 0);
	CU_ASSERT_EQUAL(discards_begin(&discards, fds, 1), 0);
	discards_end(&discards);
	while (waitpid(-1, NULL, 0) > 0)
		;
	for (int i = 0; i < DISCARDS_CHILDREN; i++)
		if (discards.children[i])
			close(discards.children[i]);
	close(writer);
	close(discards.engine);
}

SUITE(discards, {"holds until the end", holds_until_the_end},
      {"counts its children", counts_its_children});
