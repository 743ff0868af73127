/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel shows of processes that gave up their rights, beside a table. Runs as root. */
#include "daemon/privileges.h"
#include "common/err.h"
#include "common/guard.h"
#include "tests/unit.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BIT(capability) (1ull << (capability))
#define BROKER                                                                                     \
	(BIT(CAP_BPF) | BIT(CAP_PERFMON) | BIT(CAP_SYS_PTRACE) | BIT(CAP_DAC_READ_SEARCH) |        \
	 BIT(CAP_CHECKPOINT_RESTORE) | BIT(CAP_SYSLOG) | BIT(CAP_SETUID) | BIT(CAP_SETGID) |       \
	 BIT(CAP_SETPCAP) | BIT(CAP_KILL))

enum {
	SOME_UID = 61100
};

/* A child that has run `f` and waits to be looked at. */
struct child {
	pid_t pid;
	int code; /* what f returned */
};

static void child_end(struct child *child)
{
	kill(child->pid, SIGKILL);
	waitpid(child->pid, NULL, 0);
}
#define guard_child guard(child_end)

static struct child child_start(int (*f)(void))
{
	struct child child = {.code = -1};
	int fds[2];
	CU_ASSERT_EQUAL(pipe(fds), 0);
	child.pid = fork();
	if (child.pid == 0) {
		int code = f();
		(void)!write(fds[1], &code, sizeof(code));
		for (;;)
			pause();
	}
	CU_ASSERT_EQUAL(read(fds[0], &child.code, sizeof(child.code)), sizeof(child.code));
	close(fds[0]);
	close(fds[1]);
	return child;
}

/* The text after `key` and the character that follows it, in a line of /proc/PID/NAME. */
static const char *read_line(pid_t pid, const char *name, const char *key)
{
	static char line[256];
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	FILE *file guard_file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, strlen(key)))
			continue;
		line[strcspn(line, "\n")] = '\0';
		return line + strlen(key) + 1;
	}
	return "";
}

static const char *status_of(pid_t pid, const char *key)
{
	char with_colon[32];
	snprintf(with_colon, sizeof(with_colon), "%s:", key);
	return read_line(pid, "status", with_colon);
}

/* The hard limit; prlimit() of another's takes a capability that root may lack. */
static long limit_of(pid_t pid, const char *key)
{
	long soft, hard;
	return sscanf(read_line(pid, "limits", key), "%ld %ld", &soft, &hard) == 2 ? hard : -1;
}

static void compare(pid_t pid, uint64_t capabilities, const char *ids)
{
	static const char *const held[] = {"CapEff", "CapPrm", "CapBnd"};
	static const char *const empty[] = {"CapInh", "CapAmb"};
	char text[32];
	snprintf(text, sizeof(text), "%016" PRIx64, capabilities);
	for (int i = 0; i < 3; i++)
		CU_ASSERT_STRING_EQUAL(status_of(pid, held[i]), text);
	for (int i = 0; i < 2; i++)
		CU_ASSERT_STRING_EQUAL(status_of(pid, empty[i]), "0000000000000000");
	CU_ASSERT_STRING_EQUAL(status_of(pid, "NoNewPrivs"), "1");
	CU_ASSERT_STRING_EQUAL(status_of(pid, "Uid"), ids);
	CU_ASSERT_STRING_EQUAL(status_of(pid, "Gid"), ids);
	CU_ASSERT_EQUAL(limit_of(pid, "Max core file size"), 0);
#ifndef SANITIZE
	/* The files in /proc of what cannot be dumped are root's. */
	struct stat stat_maps;
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	CU_ASSERT_EQUAL(stat(path, &stat_maps), 0);
	CU_ASSERT_EQUAL(stat_maps.st_uid, 0);
#endif
}

/* Above 2, as Debian's kernels have it, opening an event takes CAP_SYS_ADMIN. */
static int paranoid_level(void)
{
	int level = 0;
	FILE *file guard_file = fopen("/proc/sys/kernel/perf_event_paranoid", "re");
	CU_ASSERT_EQUAL(file ? fscanf(file, "%d", &level) : 0, 1);
	return level;
}

static int keep(void)
{
	return privileges_keep(NULL);
}

static int drop(void)
{
	return privileges_drop(SOME_UID, NULL);
}

/* As a worker is born: from a broker that has given up most already. */
static int keep_and_drop(void)
{
	int code = privileges_keep(NULL);
	code = code ? code : privileges_drop(SOME_UID, NULL);
	return code ? code : privileges_limit_worker();
}

static void broker_keeps_a_list(void)
{
	struct child child guard_child = child_start(keep);
	CU_ASSERT_EQUAL(child.code, 0);
	/* What the system does not grant is left out. */
	uint64_t granted = strtoull(status_of(getpid(), "CapPrm"), NULL, 16);
	uint64_t kept = BROKER | (paranoid_level() > 2 ? BIT(CAP_SYS_ADMIN) : 0);
	compare(child.pid, kept & granted, "0\t0\t0\t0");
}

static void others_keep_nothing(void)
{
	struct child engine guard_child = child_start(drop);
	CU_ASSERT_EQUAL(engine.code, 0);
	compare(engine.pid, 0, "61100\t61100\t61100\t61100");
	CU_ASSERT_STRING_EQUAL(status_of(engine.pid, "Groups"), " ");
	struct child worker guard_child = child_start(keep_and_drop);
	CU_ASSERT_EQUAL(worker.code, 0);
	compare(worker.pid, 0, "61100\t61100\t61100\t61100");
	long files = limit_of(worker.pid, "Max open files");
	CU_ASSERT(files > 16 && files <= 8192);
	CU_ASSERT_EQUAL(limit_of(worker.pid, "Max file size"), 0);
}

/* 0: nothing came back. */
static int take_back(void)
{
	if (privileges_drop(SOME_UID, NULL))
		return 1;
	if (setuid(0) == 0 || setresuid(-1, 0, -1) == 0 || setgid(0) == 0)
		return 2;
	return privileges_keep(NULL) == 0 && setuid(0) == 0 ? 3 : 0;
}

static void nothing_comes_back(void)
{
	struct child child guard_child = child_start(take_back);
	CU_ASSERT_EQUAL(child.code, 0);
}

/* Words for who lacks what giving up takes. */
static int drop_twice(void)
{
	struct err err = {0};
	if (privileges_drop(SOME_UID, &err) || err_is_set(&err))
		return 1;
	int code = privileges_drop(SOME_UID + 1, &err);
	return code == -EPERM && err.status == ERR_PERMISSION && err.msg[0] ? 0 : 2;
}

static void says_what_fails(void)
{
	struct child child guard_child = child_start(drop_twice);
	CU_ASSERT_EQUAL(child.code, 0);
}

SUITE(privileges, {"the broker keeps a list", broker_keeps_a_list},
      {"others keep nothing", others_keep_nothing}, {"nothing comes back", nothing_comes_back},
      {"says what fails", says_what_fails});
