/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel_types.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/btf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "common/err.h"
#include "common/guard.h"

static bool exists(const char *sysfs, const char *name)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s", sysfs, name);
	return !access(path, F_OK);
}

int kernel_types_check(const char *sysfs, struct err *err)
{
	char path[PATH_MAX];
	uint16_t magic = 0;
	snprintf(path, sizeof(path), "%s/kernel/btf/vmlinux", sysfs);
	int file guard_fd = open(path, O_RDONLY | O_CLOEXEC);
	const char *why = file < 0 ? strerror(errno) : "holds no types";
	if (file >= 0 && read(file, &magic, sizeof(magic)) == sizeof(magic) && magic == BTF_MAGIC)
		return 0;
	err_set(err, -ENOTSUP, ERR_FAILED,
		"the kernel's BTF, which the BPF programs need, is not there (%s: %s)", path, why);
	if (!exists(sysfs, "kernel"))
		err_hint(err, "mount sysfs: mount -t sysfs none %s", sysfs);
	else if (!exists(sysfs, "kernel/btf"))
		err_hint(err, "a kernel with CONFIG_DEBUG_INFO_BTF=y is needed; what works without "
			      "BPF: perf record -p PID -g -F 99 sleep 30");
	else
		err_hint(err,
			 "something lies over %s/kernel/btf: umount it, or record from outside of "
			 "this container",
			 sysfs);
	return -ENOTSUP;
}
