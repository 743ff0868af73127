/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of common/profile.proto, unpacked, as a profile. Private to the codec (pprof.h). */
#pragma once

#include <stddef.h>

struct profile;

/* New; NULL: *what is wrong with the field that begins at byte *where. */
struct profile *pprof_decode(const void *data, size_t bytes, const char **what, size_t *where);
