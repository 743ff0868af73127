/* SPDX-License-Identifier: Apache-2.0 */
/* What a confined engine can and cannot do, tried by a child. */
#include "daemon/confine.h"
#include "common/guard.h"
#include "tests/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SANITIZE

/* The first thing that is not as it must be, by its line; 0: none. */
#define MUST(condition)                                                                            \
	do                                                                                         \
		if (!(condition))                                                                  \
			return __LINE__;                                                           \
	while (0)
#define REFUSED(call) MUST((call) < 0 && errno == EPERM)

static int confine(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return confine_engine(NULL) ? __LINE__ : 0;
}

static int keeps_what_it_needs(void)
{
	int line = confine();
	MUST(!line);
	int stat guard_fd = open("/proc/1/stat", O_RDONLY | O_CLOEXEC);
	char text[64];
	MUST(stat >= 0 && read(stat, text, sizeof(text)) > 0);
	int null guard_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	MUST(null >= 0);
	int cpus guard_fd = open("/sys/devices/system/cpu/possible", O_RDONLY | O_CLOEXEC);
	MUST(cpus >= 0);
	MUST(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
	     MAP_FAILED);
	MUST(kill(getppid(), 0) == 0);
	MUST(prctl(PR_GET_SECCOMP) < 0); /* not needed, so not there */
	return 0;
}

static int loses_the_rest(void)
{
	int line = confine();
	MUST(!line);
	REFUSED(socket(AF_UNIX, SOCK_STREAM, 0));
	REFUSED(socket(AF_INET, SOCK_STREAM, 0));
	REFUSED(fork());
	REFUSED(execl("/bin/true", "true", (char *)NULL));
	REFUSED(kill(getppid(), SIGCONT));
	REFUSED(ptrace(PTRACE_TRACEME, 0, 0, 0));
	REFUSED(unlink("/tmp/probe-test-nothing"));
	REFUSED(setuid(0));
	REFUSED(ioctl(0, 0x5412 /* TIOCSTI */, "x"));
	union bpf_attr bpf = {.map_type = BPF_MAP_TYPE_ARRAY};
	REFUSED(syscall(SYS_bpf, BPF_MAP_CREATE, &bpf, sizeof(bpf)));
	struct perf_event_attr perf = {.type = PERF_TYPE_SOFTWARE, .size = sizeof(perf)};
	REFUSED(syscall(SYS_perf_event_open, &perf, -1, 0, -1, 0));
	MUST(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		     MAP_FAILED &&
	     errno == EPERM);
	return 0;
}

/* Landlock is optional in kernels; where it is, root's files are out of reach as well. */
static int sees_no_other_files(void)
{
	bool there = syscall(SYS_landlock_create_ruleset, NULL, 0, 1) > 0;
	int line = confine();
	MUST(!line);
	int fd guard_fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	MUST(!there || (fd < 0 && errno == EACCES));
	int written guard_fd = open("/proc/sys/kernel/core_pattern", O_WRONLY | O_CLOEXEC);
	MUST(!there || (written < 0 && errno == EACCES));
	return 0;
}

static int in_child(int (*f)(void))
{
	int status = -1;
	int pair[2] = {-1, -1};
	CU_ASSERT_EQUAL(pipe2(pair, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		int line = f();
		(void)!write(pair[1], &line, sizeof(line));
		_exit(0);
	}
	close(pair[1]);
	int line = -1;
	(void)!read(pair[0], &line, sizeof(line));
	close(pair[0]);
	waitpid(pid, &status, 0);
	CU_ASSERT_EQUAL(status, 0);
	return line;
}

static void a_confined_engine(void)
{
	CU_ASSERT_EQUAL(in_child(keeps_what_it_needs), 0);
	CU_ASSERT_EQUAL(in_child(loses_the_rest), 0);
	CU_ASSERT_EQUAL(in_child(sees_no_other_files), 0);
}

#else

static void a_confined_engine(void)
{
	CU_ASSERT_EQUAL(confine_engine(NULL), 0); /* sanitizers need more than it leaves */
}

#endif

SUITE(confine, {"a confined engine", a_confined_engine});
