/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/file_systems.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "common/guard.h"
#include "common/procfs.h"

bool file_systems_fuse_of_root(const char *mountinfo, dev_t dev)
{
	FILE *file guard_file = fopen(mountinfo, "re");
	char *line guard_mem = NULL;
	size_t room = 0;
	/* 36 35 0:45 / /mnt rw,nosuid shared:1 - fuse.sshfs host: rw,user_id=0,… */
	while (file && getline(&line, &room, file) > 0) {
		unsigned major, minor, user;
		char type[32];
		const char *rest = strstr(line, " - ");
		if (sscanf(line, "%*d %*d %u:%u", &major, &minor) != 2 ||
		    makedev(major, minor) != dev || !rest || sscanf(rest, " - %31s", type) != 1)
			continue;
		const char *options = strrchr(rest, ' '); /* blanks in names are escaped */
		const char *owner = strstr(options, ",user_id=");
		return !strcmp(type, "virtiofs") ||
		       (owner && sscanf(owner, ",user_id=%u", &user) == 1 && user == 0);
	}
	return false;
}

/* The first line for which is_it says yes. */
static bool find_mount(const char *mountinfo,
		       bool (*is_it)(unsigned mount, dev_t dev, const void *wanted),
		       const void *wanted, dev_t *dev)
{
	FILE *file guard_file = fopen(mountinfo, "re");
	char *line guard_mem = NULL;
	size_t room = 0;
	while (file && getline(&line, &room, file) > 0) {
		unsigned mount, major, minor;
		if (sscanf(line, "%u %*d %u:%u", &mount, &major, &minor) != 3)
			continue;
		*dev = makedev(major, minor);
		if (is_it(mount, *dev, wanted))
			return true;
	}
	return false;
}

static bool is_of_device(unsigned mount, dev_t dev, const void *wanted)
{
	return dev == *(const dev_t *)wanted;
}

static bool is_mount(unsigned mount, dev_t dev, const void *wanted)
{
	return mount == *(const unsigned *)wanted;
}

bool file_systems_has(const char *mountinfo, dev_t dev)
{
	dev_t found;
	return find_mount(mountinfo, is_of_device, &dev, &found);
}

bool file_systems_device(const char *mountinfo, unsigned mount, dev_t *dev)
{
	return find_mount(mountinfo, is_mount, &mount, dev);
}

/* The number of the mount that the file was reached by. */
static bool mount_of(int fd, unsigned *mount)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	const int64_t number = procfs_value(path, "mnt_id", -1);
	*mount = (unsigned)number;
	return number >= 0;
}

/* An overlay's files may have devices of their layers: by the mount, not by stat. */
static bool is_mounted_here(int fd, uint32_t pid)
{
	char path[64] = "/proc/self/mountinfo";
	unsigned mount;
	dev_t dev;
	if (pid)
		snprintf(path, sizeof(path), "/proc/%u/mountinfo", pid);
	return mount_of(fd, &mount) && file_systems_device(path, mount, &dev) &&
	       file_systems_has("/proc/self/mountinfo", dev);
}

int file_systems_judge(int fd, dev_t dev, uint32_t pid)
{
	struct statfs system;
	if (fstatfs(fd, &system) < 0)
		return -errno;
	if (system.f_type == FUSE_SUPER_MAGIC)
		return file_systems_fuse_of_root("/proc/self/mountinfo", dev) ? 0 : -EOPNOTSUPP;
	if (system.f_type == OVERLAYFS_SUPER_MAGIC)
		return is_mounted_here(fd, pid) ? 0 : -EOPNOTSUPP;
	return 0;
}
