/* SPDX-License-Identifier: Apache-2.0 */
#include "common/procfs.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/unit.h"

static bool look(void *context, const struct procfs_stat *stat)
{
	uint32_t *wanted = context;
	if (stat->pid != *wanted)
		return true;
	*wanted = 0;
	return false;
}

/* A name with all that could mislead a reader of the line. */
static void reads_a_process(void)
{
	pid_t pid = fork();
	if (!pid) {
		prctl(PR_SET_NAME, ") Z\\1 (\n");
		pause();
		_exit(0);
	}
	struct procfs_stat stat = {0};
	for (int i = 0; i < 1000 && strcmp(stat.comm, ") Z\\1 (\n") != 0; i++) {
		CU_ASSERT_EQUAL(procfs_stat((uint32_t)pid, &stat), 0);
		usleep(1000);
	}
	CU_ASSERT_STRING_EQUAL(stat.comm, ") Z\\1 (\n");
	struct procfs_stat status = {0};
	CU_ASSERT_EQUAL(procfs_status((uint32_t)pid, &status), 0);
	CU_ASSERT_STRING_EQUAL(status.comm, stat.comm);
	CU_ASSERT(status.parent == stat.parent && status.threads == 1 && status.pid == stat.pid);
	CU_ASSERT(status.uid == stat.uid && !status.kernel_thread && status.state == stat.state);
	CU_ASSERT_EQUAL(stat.parent, (uint32_t)getpid());
	CU_ASSERT_EQUAL(stat.threads, 1);
	CU_ASSERT_FALSE(stat.kernel_thread);
	CU_ASSERT_EQUAL(procfs_tgid((uint32_t)pid), (uint32_t)pid);
	uint32_t wanted = (uint32_t)pid;
	procfs_each(look, &wanted);
	CU_ASSERT_EQUAL(wanted, 0);
	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WEXITED | WNOWAIT);
	CU_ASSERT_EQUAL(procfs_status((uint32_t)pid, &status), 0);
	CU_ASSERT(procfs_has_ended(&status) && !status.kernel_thread);
	waitpid(pid, NULL, 0);
	CU_ASSERT_EQUAL(procfs_stat((uint32_t)pid, &stat), -ESRCH);
	CU_ASSERT_EQUAL(procfs_status((uint32_t)pid, &status), -ESRCH);
	CU_ASSERT(!procfs_shares_users((uint32_t)pid));
	CU_ASSERT(procfs_shares_users((uint32_t)getpid()));
	CU_ASSERT(procfs_has_user((uint32_t)getpid(), 0) && !procfs_has_user((uint32_t)pid, 0));
}

static void knows_kernel_threads(void)
{
	struct procfs_stat stat;
	if (!procfs_stat(2, &stat) && !strcmp(stat.comm, "kthreadd"))
		CU_ASSERT_TRUE(stat.kernel_thread);
	if (!procfs_status(2, &stat) && !strcmp(stat.comm, "kthreadd"))
		CU_ASSERT_TRUE(stat.kernel_thread);
	CU_ASSERT_EQUAL(procfs_stat(0, &stat), -ESRCH);
	CU_ASSERT_EQUAL(procfs_tgid(0), 0);
}

/* A line longer than what is read at once may have a key anywhere. */
static void finds_values(void)
{
	static const char *const keys[] = {"Threads", "Pid"};
	char path[] = "/tmp/unit-procfs-XXXXXX";
	FILE *file = fdopen(mkstemp(path), "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fprintf(file, "99\nGroups:\t%0255d", 0);
	fputs("Pid:\t7\nPidOf:\t8\nPid:\t-1\nThreads:\t18446\n", file);
	fclose(file);
	int64_t values[2] = {0};
	CU_ASSERT_TRUE(procfs_values(path, keys, values, 2));
	CU_ASSERT_EQUAL(values[0], 18446);
	CU_ASSERT_EQUAL(values[1], -1);
	CU_ASSERT_EQUAL(procfs_value(path, "Tgid", 5), 5);
	CU_ASSERT_EQUAL(procfs_setting(path, 5), 99);
	unlink(path);
	CU_ASSERT_EQUAL(procfs_setting(path, 5), 5);
	CU_ASSERT_FALSE(procfs_values(path, keys, values, 2));
}

SUITE(procfs, {"finds values", finds_values},
      {"reads a process with a hostile name", reads_a_process},
      {"knows kernel threads", knows_kernel_threads});
