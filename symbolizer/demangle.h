/* SPDX-License-Identifier: Apache-2.0 */
/* C++ and Rust names as people write them, from names of any file: bounded in depth (libiberty's
 * own limit) and in length (a name of 100 bytes can expand to gigabytes). */
#pragma once

#include <stddef.h>

/* Writes the readable form of `mangled` and a NUL into `out` and returns its bytes; 0: the name is
 * not mangled, too deep, or its readable form does not fit `room`. Parameters and the return type
 * are left out, also `[clone .cold]`: `std::vector<int>::push_back`. Not reentrant. */
size_t demangle(const char *mangled, char *out, size_t room);
