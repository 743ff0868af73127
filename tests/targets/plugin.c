/* SPDX-License-Identifier: Apache-2.0 */
/* Loads libplugged.so (beside it), burns CPU time in it, unloads it, and again: at the end of a
 * recording the library is not mapped any more.
 *
 *	plugin [SECONDS]		unloads for the last time, waits half a second, ends
 */
#include "tests/targets/busy.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	uint64_t end = busy_until_used(argc, argv, 1);
	char path[PATH_MAX] = "";

	if (readlink("/proc/self/exe", path, sizeof(path) - sizeof("libplugged.so")) < 0)
		return 1;
	strcpy(strrchr(path, '/') + 1, "libplugged.so");
	while (busy_cpu_ns() < end) {
		void *library = dlopen(path, RTLD_NOW);
		void (*work)(uint64_t) = library ? dlsym(library, "plugged_work") : NULL;

		if (!work)
			return 1;
		work(busy_cpu_ns() + 200000000);
		dlclose(library);
	}
	usleep(500000);
	return 0;
}
