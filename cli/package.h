/* SPDX-License-Identifier: Apache-2.0 */
/* Which package of this machine a file is from, by dpkg-query(1). */
#pragma once

#include <stdbool.h>

enum {
	PACKAGE_BYTES = 128,
};

/* Asks dpkg, some 0.1 s. The name is without the architecture. Where /bin, /lib, … are links into
 * /usr, packages may name a path without it. false: none has it, or there is no dpkg. */
bool package_find(const char *path, char package[PACKAGE_BYTES]);
/* The first package in what `dpkg-query --search` says: lines of "NAME[:ARCH][, NAME…]: PATH", and
 * of diversions. */
bool package_parse(const char *answer, char package[PACKAGE_BYTES]);
/* Whether the path leads to the same file for that process as it does here: in a container it may
 * not, and packages of this machine tell nothing of it. */
bool package_same_file(unsigned pid, const char *path);
/* Of a file that this process maps; "": it is from none, NULL: this machine cannot tell. */
const char *package_of_process(unsigned pid, const char *path, char package[PACKAGE_BYTES]);
