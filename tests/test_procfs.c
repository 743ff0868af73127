/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/procfs.h"

#include <errno.h>
#include <signal.h>
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
		prctl(PR_SET_NAME, ") Z 1 (\n");
		pause();
		_exit(0);
	}
	struct procfs_stat stat = {0};
	for (int i = 0; i < 1000 && strcmp(stat.comm, ") Z 1 (\n") != 0; i++) {
		CU_ASSERT_EQUAL(procfs_stat((uint32_t)pid, &stat), 0);
		usleep(1000);
	}
	CU_ASSERT_STRING_EQUAL(stat.comm, ") Z 1 (\n");
	CU_ASSERT_EQUAL(stat.parent, (uint32_t)getpid());
	CU_ASSERT_EQUAL(stat.threads, 1);
	CU_ASSERT_FALSE(stat.kernel_thread);
	CU_ASSERT_EQUAL(procfs_tgid((uint32_t)pid), (uint32_t)pid);
	uint32_t wanted = (uint32_t)pid;
	procfs_each(look, &wanted);
	CU_ASSERT_EQUAL(wanted, 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CU_ASSERT_EQUAL(procfs_stat((uint32_t)pid, &stat), -ESRCH);
}

static void knows_kernel_threads(void)
{
	struct procfs_stat stat;
	if (!procfs_stat(2, &stat) && !strcmp(stat.comm, "kthreadd"))
		CU_ASSERT_TRUE(stat.kernel_thread);
	CU_ASSERT_EQUAL(procfs_stat(0, &stat), -ESRCH);
	CU_ASSERT_EQUAL(procfs_tgid(0), 0);
}

SUITE(procfs, {"reads a process with a hostile name", reads_a_process},
      {"knows kernel threads", knows_kernel_threads});
