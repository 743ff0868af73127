/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/perf_event.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/err.h"
#include "common/guard.h"

static const int allowed[] = {
	/* the loop */
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(setitimer),
	SCMP_SYS(signalfd4),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(restart_syscall),
	/* clients, broker, workers */
	SCMP_SYS(accept4),
	SCMP_SYS(recvmsg),
	SCMP_SYS(recvfrom),
	SCMP_SYS(shutdown),
	SCMP_SYS(sendmsg),
	SCMP_SYS(getsockopt),
	/* fds, and what /proc says */
	SCMP_SYS(read),
	SCMP_SYS(pread64),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(close),
	SCMP_SYS(lseek),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(openat),
	SCMP_SYS(getdents64),
	SCMP_SYS(fcntl),
	SCMP_SYS(dup),
	SCMP_SYS(memfd_create),
	/* memory */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
	/* what libraries ask */
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(getrandom),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getrusage),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sysinfo),
	SCMP_SYS(uname),
	/* the end */
	SCMP_SYS(tgkill),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

static void free_filter(scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

/* Calls that are allowed with some arguments only. */
static int allow_some(scmp_filter_ctx filter)
{
	static const uint32_t requests[] = {PERF_EVENT_IOC_ENABLE, PERF_EVENT_IOC_DISABLE,
					    PERF_EVENT_IOC_RESET};
	int code = 0;
	for (size_t i = 0; !code && i < sizeof(requests) / sizeof(*requests); i++)
		code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
					SCMP_A1(SCMP_CMP_EQ, requests[i]));
	/* Memory, but none that can be executed. */
	if (!code)
		code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
					SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!code)
		code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
					SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* Whether a process is there. */
	if (!code)
		code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1,
					SCMP_A1(SCMP_CMP_EQ, 0));
	return code;
}

static int load_filter(void)
{
	scmp_filter_ctx filter guard(free_filter) = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!filter)
		return -ENOMEM;
	int code = 0;
	for (size_t i = 0; !code && i < sizeof(allowed) / sizeof(*allowed); i++)
		code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	if (!code)
		code = allow_some(filter);
	return code ? code : seccomp_load(filter);
}

static int allow_below(int rules, const char *path, uint64_t access)
{
	int directory guard_fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = directory};
	if (directory < 0)
		return errno == ENOENT ? 0 : -errno;
	return (int)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

/* A second wall for files, which seccomp cannot tell apart, where the kernel has it (5.13). */
static bool has_landlock;

bool confine_has_landlock(void)
{
	return has_landlock;
}

static void restrict_files(void)
{
	/* All of its first version; later ones would not be known everywhere. */
	struct landlock_ruleset_attr every = {.handled_access_fs = (1 << 13) - 1};
	const uint64_t look = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
	int rules guard_fd = (int)syscall(SYS_landlock_create_ruleset, &every,
					  sizeof(every.handled_access_fs), 0);
	if (rules < 0 || allow_below(rules, "/proc", look) ||
	    allow_below(rules, "/sys/devices/system/cpu", look) ||
	    allow_below(rules, "/dev/null", LANDLOCK_ACCESS_FS_READ_FILE))
		return;
	has_landlock = syscall(SYS_landlock_restrict_self, rules, 0) == 0;
}

int confine_engine(struct err *err)
{
#ifdef SANITIZE
	(void)load_filter;
	(void)restrict_files;
	return 0;
#else
	restrict_files();
	int code = load_filter();
	return code ? err_set(err, code, ERR_FAILED, "cannot confine the engine: %s",
			      strerror(-code))
		    : 0;
#endif
}
