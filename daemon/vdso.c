/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/vdso.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>
#include "common/guard.h"
#include "daemon/maps.h"

int vdso_open(void)
{
	int maps_fd guard_fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	int fd guard_fd = memfd_create("vdso", MFD_CLOEXEC);
	struct maps maps;
	if (maps_fd < 0 || fd < 0)
		return -errno;
	int code = maps_read(maps_fd, &maps);
	if (code)
		return code;
	code = -ENOENT;
	for (uint32_t i = 0; i < maps.n; i++) {
		const struct maps_line *line = &maps.at[i];
		if (line->kind != MAPS_VDSO)
			continue;
		size_t n = line->end - line->start;
		code = write(fd, (const void *)(uintptr_t)line->start, n) == (ssize_t)n ? 0 : -EIO;
	}
	maps_deinit(&maps);
	return code ? code : steal_fd(fd);
}
