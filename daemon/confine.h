/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine may ask of the kernel once it runs: to use the fds that it has and gets, and to
 * read /proc. It talks to clients and holds what they may see; taken over, it can open no other
 * file, no socket, no event, start no process and make no memory executable. */
#pragma once

#include <stdbool.h>

struct err;

/* For the rest of the process's life (and not with sanitizers, which need more). */
int confine_engine(struct err *err);
/* Whether the kernel also keeps it from files (Landlock, 5.13, unless it is turned off). */
bool confine_has_landlock(void);
