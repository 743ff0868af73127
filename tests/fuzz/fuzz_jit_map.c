/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what a process says of the code it made; what is found covers its address. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/guard.h"
#include "symbolizer/jit_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	guard_fd int fd = memfd_create("jit", MFD_CLOEXEC);
	guard_jit_map struct jit_map *map = NULL;
	if (fd < 0 || write(fd, data, bytes) != (ssize_t)bytes || jit_map_new(fd, &map, NULL))
		return 0;
	for (uint64_t address = 0; address < 4096; address += 16) {
		const char *name = jit_map_find(map, address);
		if (name && !*name)
			abort();
	}
	return 0;
}
