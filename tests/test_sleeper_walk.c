/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sleeper_walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "common/guard.h"
#include "tests/unit.h"

struct seen {
	uint32_t n, tids, stack_bytes;
};

static void on_sleeper(void *context, const struct sleeper *sleeper)
{
	struct seen *seen = context;
	seen->n++;
	seen->tids += sleeper->thread.tid;
	seen->stack_bytes += sleeper->n_stack;
	for (uint32_t i = 0; i < sleeper->n_stack; i++)
		CU_ASSERT_EQUAL_FATAL(sleeper->stack[i], (uint8_t)sleeper->thread.tid);
}

static void put(int fd, uint32_t tid, uint32_t n_stack)
{
	size_t bytes = (sizeof(struct sleeper) + n_stack + 7) & ~7ul;
	struct sleeper *sleeper guard_mem = calloc(1, bytes);
	sleeper->bytes = (uint32_t)bytes;
	sleeper->n_kernel = KERNEL_FRAMES_MAX;
	sleeper->n_stack = n_stack;
	sleeper->thread.tid = tid;
	memset(sleeper->stack, (int)tid, n_stack);
	CU_ASSERT_EQUAL(write(fd, sleeper, bytes), (ssize_t)bytes);
}

/* Records of all sizes, which reads cut anywhere. */
static void reads_what_there_is(void)
{
	int fd guard_fd = memfd_create("sleepers", MFD_CLOEXEC);
	uint32_t tids = 0, stack_bytes = 0;
	for (uint32_t tid = 1; tid <= 200; tid++) {
		uint32_t n_stack = tid % 7 ? tid * 131 % SLEEPER_STACK_MAX : SLEEPER_STACK_MAX;
		put(fd, tid, tid % 5 ? n_stack : 0);
		tids += tid;
		stack_bytes += tid % 5 ? n_stack : 0;
	}
	lseek(fd, 0, SEEK_SET);
	struct seen seen = {0};
	CU_ASSERT_EQUAL(sleeper_walk_read(fd, NULL, on_sleeper, &seen), 0);
	CU_ASSERT_EQUAL(seen.n, 200);
	CU_ASSERT_EQUAL(seen.tids, tids);
	CU_ASSERT_EQUAL(seen.stack_bytes, stack_bytes);
	CU_ASSERT_EQUAL(sleeper_walk_read(-1, NULL, on_sleeper, &seen), -EBADF);
}

static int read_one(const struct sleeper *sleeper, size_t bytes)
{
	int fd guard_fd = memfd_create("sleepers", MFD_CLOEXEC);
	struct seen seen = {0};
	CU_ASSERT_EQUAL(write(fd, sleeper, bytes), (ssize_t)bytes);
	lseek(fd, 0, SEEK_SET);
	return sleeper_walk_read(fd, NULL, on_sleeper, &seen);
}

static void refuses_what_is_none(void)
{
	const struct sleeper good = {.bytes = sizeof(good)};
	CU_ASSERT_EQUAL(read_one(&good, sizeof(good)), 0);
	CU_ASSERT_EQUAL(read_one(&good, sizeof(good) - 1), -EPROTO);
	struct sleeper bad = good;
	bad.bytes = sizeof(bad) - 8;
	CU_ASSERT_EQUAL(read_one(&bad, sizeof(bad)), -EPROTO);
	bad.bytes = sizeof(bad) + 4;
	CU_ASSERT_EQUAL(read_one(&bad, sizeof(bad)), -EPROTO);
	bad.bytes = UINT32_MAX & ~7u;
	CU_ASSERT_EQUAL(read_one(&bad, sizeof(bad)), -EPROTO);
	bad = good;
	bad.n_stack = 1;
	CU_ASSERT_EQUAL(read_one(&bad, sizeof(bad)), -EPROTO);
	bad = good;
	bad.n_kernel = KERNEL_FRAMES_MAX + 1;
	CU_ASSERT_EQUAL(read_one(&bad, sizeof(bad)), -EPROTO);
	bad = good;
	bad.space = SPACES_MAX;
	CU_ASSERT_EQUAL(read_one(&bad, sizeof(bad)), -EPROTO);
	bad = good;
	bad.thread.state = WAIT_STATES;
	CU_ASSERT_EQUAL(read_one(&bad, sizeof(bad)), -EPROTO);
}

SUITE(sleeper_walk, {"reads what there is", reads_what_there_is},
      {"refuses what is none", refuses_what_is_none});
