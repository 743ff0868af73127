/* SPDX-License-Identifier: Apache-2.0 */
/* The perf map of this process itself, as who it is and as what it may not be. Runs as root. */
#include "daemon/perf_map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/guard.h"
#include "tests/unit.h"

static char path[64];

static void remove_it(const char *const *name)
{
	unlink(*name);
}

static int open_own(void)
{
	int fd guard_fd = -1;
	char text[8] = "";
	int code = perf_map_open((uint32_t)getpid(), &fd);
	CU_ASSERT_EQUAL(code == 0, fd >= 0);
	if (!code) {
		CU_ASSERT_EQUAL(read(fd, text, sizeof(text) - 1), 4);
		CU_ASSERT_STRING_EQUAL(text, "text");
		CU_ASSERT_EQUAL(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	}
	return code;
}

static void make(mode_t mode)
{
	int fd guard_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CU_ASSERT_EQUAL(write(fd, "text", 4), 4);
	CU_ASSERT_EQUAL(fchmod(fd, mode), 0);
}

static void only_its_own(void)
{
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", getpid());
	const char *name guard(remove_it) = path;
	unlink(path);
	CU_ASSERT_EQUAL(open_own(), -ENOENT);
	make(0600);
	CU_ASSERT_EQUAL(open_own(), 0);
	make(0664);
	CU_ASSERT_EQUAL(open_own(), 0);
	make(0646);
	CU_ASSERT_EQUAL(open_own(), -EACCES); /* anybody writes into it */
	make(0600);
	const struct timespec old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
	CU_ASSERT_EQUAL(utimensat(AT_FDCWD, path, old, 0), 0);
	CU_ASSERT_EQUAL(open_own(), -ENOENT); /* of another process that had this number */
	make(0600);
	CU_ASSERT_EQUAL(chown(path, 1, 1), 0);
	CU_ASSERT_EQUAL(open_own(), -EACCES); /* another's */
}

static void only_a_file(void)
{
	const char *name guard(remove_it) = path;
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", getpid());
	unlink(path);
	CU_ASSERT_EQUAL(symlink("/etc/hostname", path), 0);
	CU_ASSERT_EQUAL(open_own(), -EACCES);
	unlink(path);
	CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
	CU_ASSERT_EQUAL(open_own(), -EACCES);
	unlink(path);
	CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
	CU_ASSERT_EQUAL(open_own(), -EACCES);
	rmdir(path);
	int fd = -1;
	CU_ASSERT_EQUAL(perf_map_open(0, &fd), -ENOENT);
	CU_ASSERT_EQUAL(perf_map_open(UINT32_MAX, &fd), -ENOENT);
	CU_ASSERT_EQUAL(fd, -1);
}

/* Only where the clock is nobody else's: tests/kernels/check says so. */
static void clock_that_is_set(void)
{
	const char *hours = getenv("SET_CLOCK_HOURS");
	struct timespec now;
	if (!hours)
		return;
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", getpid());
	const char *name guard(remove_it) = path;
	make(0600);
	CU_ASSERT_EQUAL(open_own(), 0);
	for (int sign = 1; sign >= -1; sign -= 2) {
		clock_gettime(CLOCK_REALTIME, &now);
		now.tv_sec += sign * 3600 * atol(hours);
		CU_ASSERT_EQUAL(clock_settime(CLOCK_REALTIME, &now), 0);
		CU_ASSERT_EQUAL(open_own(), 0);
	}
}

SUITE(perf_map, {"only its own", only_its_own}, {"only a file", only_a_file},
      {"clock that is set", clock_that_is_set});
