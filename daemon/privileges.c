/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/err.h"
#include "common/procfs.h"

static const int kept[] = {
	CAP_BPF,		/* programs, maps and links */
	CAP_PERFMON,		/* events on all CPUs, programs that read kernel memory */
	CAP_SYS_PTRACE,		/* /proc/PID/maps and map_files of other users' processes */
	CAP_DAC_READ_SEARCH,	/* mapped files that only their owner may read */
	CAP_CHECKPOINT_RESTORE, /* opening what /proc/PID/map_files points to */
	CAP_SYSLOG,		/* addresses in /proc/kallsyms */
	CAP_SETUID,		/* workers get a uid of their own */
	CAP_SETGID,		/* and a gid */
	CAP_SETPCAP,		/* and an empty bounding set */
	CAP_KILL,		/* ending them, whose uid is another */
};

/* Debian's kernels have a level of kernel.perf_event_paranoid above the upstream ones, where
 * opening an event takes CAP_SYS_ADMIN instead of CAP_PERFMON. */
static bool events_need_admin(void)
{
	return procfs_setting("/proc/sys/kernel/perf_event_paranoid", 0) > 2;
}

#ifdef SANITIZE /* LeakSanitizer attaches to its own process at exit */
#define DUMPABLE 1
#else
#define DUMPABLE 0
#endif

/* What holds for all three, once capabilities are set. */
static int lock(struct err *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(err, -errno, ERR_FAILED, "cannot set no_new_privs: %s",
			       strerror(errno));
	if (prctl(PR_SET_DUMPABLE, DUMPABLE, 0, 0, 0) < 0)
		return err_set(err, -errno, ERR_FAILED, "cannot make the process undumpable: %s",
			       strerror(errno));
	const struct rlimit none = {0, 0};
	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return err_set(err, -errno, ERR_FAILED, "cannot turn cores off: %s",
			       strerror(errno));
	return 0;
}

int privileges_keep(struct err *err)
{
	int held[sizeof(kept) / sizeof(kept[0]) + 1];
	size_t n = 0;
	if (capng_get_caps_process() < 0)
		return err_set(err, -EIO, ERR_FAILED, "cannot read the own capabilities");
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (capng_have_capability(CAPNG_PERMITTED, kept[i]))
			held[n++] = kept[i];
	/* The service is not granted it unless its administrator says so. */
	if (events_need_admin() && capng_have_capability(CAPNG_PERMITTED, CAP_SYS_ADMIN))
		held[n++] = CAP_SYS_ADMIN;
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < n; i++)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET,
			     held[i]);
	if (capng_apply(CAPNG_SELECT_ALL) < 0)
		return err_set(err, -EPERM, ERR_PERMISSION,
			       "cannot give up capabilities (CAP_SETPCAP is needed for it)");
	return lock(err);
}

int privileges_drop(uid_t id, struct err *err)
{
	capng_clear(CAPNG_SELECT_ALL);
	if (capng_apply(CAPNG_SELECT_BOUNDS | CAPNG_SELECT_AMBIENT) < 0)
		return err_set(err, -EPERM, ERR_PERMISSION,
			       "cannot give up capabilities (CAP_SETPCAP is needed for it)");
	if (setgroups(0, NULL) < 0 || setresgid(id, id, id) < 0 || setresuid(id, id, id) < 0)
		return err_set(err, -errno, ERR_PERMISSION,
			       "cannot become uid %u: %s (CAP_SETUID and CAP_SETGID are needed)",
			       id, strerror(errno));
	/* The kernel cleared permitted and effective with the uid; the inheritable set is left. */
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		return err_set(err, -EPERM, ERR_PERMISSION, "cannot give up capabilities");
	return lock(err);
}

int privileges_act_as(uid_t uid, gid_t gid, const gid_t *groups, size_t n_groups)
{
	if (setgroups(n_groups, groups) < 0 || setresgid(gid, gid, gid) < 0 ||
	    setresuid(0, uid, 0) < 0)
		return -errno;
	capng_clear(CAPNG_SELECT_CAPS);
	return capng_apply(CAPNG_SELECT_CAPS) < 0 ? -EPERM : 0;
}

int privileges_limit_engine(void)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	files.rlim_cur = files.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &files) < 0 ? -errno : 0;
}

int privileges_limit_worker(void)
{
	const struct {
		int resource;
		rlim_t most;
	} limits[] = {
		{RLIMIT_NOFILE, 8192}, /* it keeps each object open */
		{RLIMIT_FSIZE, 0},
#ifndef SANITIZE			/* ASan reserves terabytes */
		{RLIMIT_AS, 3ul << 30}, /* a mapped browser with its debug sections unpacked */
#endif
	};
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit limit;
		if (getrlimit(limits[i].resource, &limit) < 0)
			return -errno;
		if (limit.rlim_max > limits[i].most)
			limit.rlim_max = limits[i].most;
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(limits[i].resource, &limit) < 0)
			return -errno;
	}
	return 0;
}
