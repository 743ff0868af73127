/* SPDX-License-Identifier: Apache-2.0 */
/* Which package of this machine a file is from, by dpkg's lists (deb(5): DIR/PACKAGE[:ARCH].list, a
 * path a line). */
#pragma once

#include <stdbool.h>

#define PACKAGE_LISTS "/var/lib/dpkg/info"

enum {
	PACKAGE_BYTES = 128,
};

/* Without the architecture. Where /bin, /lib, … are links into /usr, lists may name a path without
 * it. false: no list has it, or there are none. */
bool package_find(const char *lists, const char *path, char package[PACKAGE_BYTES]);
/* Whether the path leads to the same file for that process as it does here: in a container it may
 * not, and packages of this machine tell nothing of it. */
bool package_same_file(unsigned pid, const char *path);
/* Of a file that this process maps; "": it is from none, NULL: this machine cannot tell. */
const char *package_of_process(unsigned pid, const char *path, char package[PACKAGE_BYTES]);
