/* SPDX-License-Identifier: Apache-2.0 */
/* Scope guards: every owning local carries one and is initialised at once; what leaves the scope
 * alive leaves through steal_ptr() or steal_fd(). */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define guard(cleanup) __attribute__((__cleanup__(cleanup), __unused__))

static inline void guard_free(void *p)
{
	free(*(void **)p);
}
/* Also fit to be called early: what is closed is -1. */
static inline void guard_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}
static inline void guard_fclose(FILE **file)
{
	if (*file)
		fclose(*file);
}

#define guard_mem guard(guard_free)
#define guard_fd guard(guard_close)
#define guard_file guard(guard_fclose)

/* Defines guard_NAME() for `struct TYPE *local guard(guard_NAME) = …` from NAME_free-like F. */
#define GUARD_DEFINE(name, type, f)                                                                \
	static inline void guard_##name(type *p)                                                   \
	{                                                                                          \
		if (*p)                                                                            \
			f(*p);                                                                     \
	}

#define steal_ptr(p)                                                                               \
	({                                                                                         \
		__auto_type stolen_ = (p);                                                         \
		(p) = NULL;                                                                        \
		stolen_;                                                                           \
	})

static inline int guard_steal_fd(int *fd)
{
	int stolen = *fd;
	*fd = -1;
	return stolen;
}
#define steal_fd(fd) guard_steal_fd(&(fd))
