/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/target.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/err.h"
#include "tests/unit.h"

static void lists(void)
{
	struct target target = {0};
	struct err err = {0};
	CU_ASSERT_EQUAL(target_add_pids(&target, "12,34\n 56\t12\n", &err), 0);
	CU_ASSERT_EQUAL(target_add_pids(&target, "4194304", &err), 0);
	CU_ASSERT_EQUAL_FATAL(target.n_pids, 4);
	CU_ASSERT_EQUAL(target.pids[0], 12);
	CU_ASSERT_EQUAL(target.pids[1], 34);
	CU_ASSERT_EQUAL(target.pids[2], 56);
	CU_ASSERT_EQUAL(target.pids[3], 4194304);
	CU_ASSERT_EQUAL(target_add_tids(&target, "7", &err), 0);
	CU_ASSERT_EQUAL(target.n_tids, 1);
	CU_ASSERT(!err_is_set(&err));
	target_deinit(&target);
}

static void refuses(const char *text, int code, int status, const char *msg)
{
	struct target target = {0};
	struct err err = {0};
	CU_ASSERT_EQUAL(target_add_pids(&target, text, &err), code);
	CU_ASSERT_EQUAL(err.status, status);
	CU_ASSERT_STRING_EQUAL(err.msg, msg);
	target_deinit(&target);
}

static void no_lists(void)
{
	refuses("", -EINVAL, ERR_USAGE, "the list of -p is empty");
	refuses(" ,\n", -EINVAL, ERR_USAGE, "the list of -p is empty");
	refuses("0", -EINVAL, ERR_USAGE, "-p: \"0\" is no process number");
	refuses("-1", -EINVAL, ERR_USAGE, "-p: \"-1\" is no process number");
	refuses("12,nginx", -EINVAL, ERR_USAGE, "-p: \"nginx\" is no process number");
	refuses("4194305", -EINVAL, ERR_USAGE, "-p: \"4194305\" is no process number");
	refuses("18446744073709551617", -EINVAL, ERR_USAGE,
		"-p: \"18446744073709551617\" is no process number");
}

static void too_many(void)
{
	struct target target = {0};
	struct err err = {0};
	char number[16];
	for (int i = 1; i <= 1024; i++) {
		snprintf(number, sizeof(number), "%d", i);
		CU_ASSERT_EQUAL(target_add_pids(&target, number, &err), 0);
	}
	CU_ASSERT_EQUAL(target_add_pids(&target, "1024", &err), 0);
	CU_ASSERT_EQUAL(target_add_pids(&target, "1025", &err), -EINVAL);
	CU_ASSERT_STRING_EQUAL(err.msg, "more than 1024 targets");
	target_deinit(&target);
}

static void opens_this_process(void)
{
	struct target target = {0};
	struct err err = {0};
	char number[16];
	snprintf(number, sizeof(number), "%d", getpid());
	CU_ASSERT_EQUAL(target_add_pids(&target, number, &err), 0);
	CU_ASSERT_EQUAL(target_add_tids(&target, number, &err), 0);
	CU_ASSERT_EQUAL(target_open(&target, &err), 0);
	for (int i = 0; i < 2; i++)
		CU_ASSERT_EQUAL(fcntl(target.fds[i], F_GETFD), FD_CLOEXEC);
	target_deinit(&target);
	CU_ASSERT_PTR_NULL(target.fds);
}

static void zombie_and_gone(void)
{
	pid_t pid = fork();
	if (!pid)
		_exit(0);
	siginfo_t info;
	CU_ASSERT_EQUAL(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	char number[16], words[128];
	snprintf(number, sizeof(number), "%d", pid);
	struct target target = {0};
	struct err err = {0};
	CU_ASSERT_EQUAL(target_add_pids(&target, number, &err), 0);
	CU_ASSERT_EQUAL(target_open(&target, &err), -ESRCH);
	CU_ASSERT_EQUAL(err.status, ERR_NO_PROCESS);
	snprintf(words, sizeof(words), "PID %d has ended and waits for its parent (a zombie)", pid);
	CU_ASSERT_STRING_EQUAL(err.msg, words);
	target_deinit(&target);

	waitpid(pid, NULL, 0);
	err = (struct err){0};
	CU_ASSERT_EQUAL(target_add_pids(&target, number, &err), 0);
	CU_ASSERT_EQUAL(target_open(&target, &err), -ESRCH);
	snprintf(words, sizeof(words), "no process with PID %d", pid);
	CU_ASSERT_STRING_EQUAL(err.msg, words);
	target_deinit(&target);
}

static int hold[2];

static void *waits(void *tid)
{
	*(int *)tid = gettid();
	char byte;
	if (write(hold[1], "t", 1) != 1 || read(hold[0], &byte, 1) < 0)
		return NULL;
	return NULL;
}

static void thread_among_the_pids(void)
{
	int to_thread[2], from_thread[2], tid = 0;
	CU_ASSERT_FATAL(!pipe(to_thread) && !pipe(from_thread));
	hold[0] = to_thread[0];
	hold[1] = from_thread[1];
	pthread_t thread;
	CU_ASSERT_FATAL(!pthread_create(&thread, NULL, waits, &tid));
	char byte, number[16];
	CU_ASSERT_EQUAL(read(from_thread[0], &byte, 1), 1);
	snprintf(number, sizeof(number), "%d", tid);
	struct target target = {0};
	struct err err = {0};
	CU_ASSERT_EQUAL(target_add_pids(&target, number, &err), 0);
	CU_ASSERT_EQUAL(target_open(&target, &err), -EINVAL);
	CU_ASSERT_EQUAL(err.status, ERR_USAGE);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "is a thread of PID"));
	target_deinit(&target);
	err = (struct err){0};
	CU_ASSERT_EQUAL(target_add_tids(&target, number, &err), 0);
	CU_ASSERT_EQUAL(target_open(&target, &err), 0);
	target_deinit(&target);
	for (int i = 0; i < 2; i++)
		close(to_thread[!i]), close(from_thread[i]);
	pthread_join(thread, NULL);
}

SUITE(target, {"lists", lists}, {"no lists", no_lists}, {"too many", too_many},
      {"opens this process", opens_this_process}, {"zombie and gone", zombie_and_gone},
      {"thread among the pids", thread_among_the_pids});
