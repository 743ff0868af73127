/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/sandbox.h"

#include <errno.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/guard.h"

enum {
	FILES_MAX = 8192, /* mapped files of one worker */
};
/* A debug file of a browser unpacks to 1 GiB. */
#define MEMORY_MAX (3ull << 30)

/* sysinfo() is qsort()'s, which refused would take what lies on its stack for the memory there is,
 * and may then choose its sort that is quadratic at worst (glibc 2.36). */
static const int allowed[] = {
	SCMP_SYS(recvmsg),	 SCMP_SYS(sendmsg),	   SCMP_SYS(poll),
	SCMP_SYS(ppoll),	 SCMP_SYS(read),	   SCMP_SYS(pread64),
	SCMP_SYS(lseek),	 SCMP_SYS(close),	   SCMP_SYS(munmap),
	SCMP_SYS(mremap),	 SCMP_SYS(madvise),	   SCMP_SYS(brk),
	SCMP_SYS(clock_gettime), SCMP_SYS(alarm),	   SCMP_SYS(setitimer),
	SCMP_SYS(futex),	 SCMP_SYS(getrandom),	   SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigreturn),	 SCMP_SYS(exit),	   SCMP_SYS(exit_group),
	SCMP_SYS(sysinfo),
#ifdef SANITIZE
	SCMP_SYS(write),	 SCMP_SYS(mprotect),	   SCMP_SYS(sched_yield),
	SCMP_SYS(sigaltstack),	 SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction),
	SCMP_SYS(getpid),	 SCMP_SYS(gettid),	   SCMP_SYS(prctl),
#endif
};

static void free_filter(scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

static int enter_seccomp(void)
{
	scmp_filter_ctx filter guard(free_filter) = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!filter)
		return -ENOMEM;
	int code = 0;
	for (size_t i = 0; !code && i < sizeof(allowed) / sizeof(*allowed); i++)
		code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	/* Memory, but none that can be executed. */
	if (!code)
		code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
					SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return code ? code : seccomp_load(filter);
}

/* A second wall for files, where the kernel has it (5.13): a rule set without a rule. */
static void enter_landlock(void)
{
	struct landlock_ruleset_attr every = {.handled_access_fs = (1 << 13) - 1};
	guard_fd int rules = (int)syscall(SYS_landlock_create_ruleset, &every, sizeof(every), 0);
	if (rules >= 0)
		(void)syscall(SYS_landlock_restrict_self, rules, 0);
}

static int limit(int resource, rlim_t most)
{
	struct rlimit now;
	if (getrlimit((__rlimit_resource_t)resource, &now))
		return -errno;
	rlim_t value = now.rlim_max < most ? now.rlim_max : most;
	struct rlimit limits = {value, value};
	return setrlimit((__rlimit_resource_t)resource, &limits) ? -errno : 0;
}

int sandbox_enter(void)
{
	int code = limit(RLIMIT_CORE, 0);
	if (!code)
		code = limit(RLIMIT_NOFILE, FILES_MAX);
#ifndef SANITIZE
	if (!code)
		code = limit(RLIMIT_FSIZE, 0);
	if (!code)
		code = limit(RLIMIT_AS, MEMORY_MAX);
#endif
	if (!code && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		code = -errno;
	if (!code && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		code = -errno;
	if (code)
		return code;
	enter_landlock();
	return enter_seccomp();
}
