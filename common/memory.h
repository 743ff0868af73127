/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is always there: when it runs out, or a size does not fit in a size_t, the process
 * ends with one line. Sizes that come from outside are limited before (common/limits.h). */
#pragma once

#include <stddef.h>

/* n elements of `size` bytes, zeroed; free() takes it. Never NULL, also for n = 0. */
void *memory_new(size_t n, size_t size);
/* realloc() to n elements; new bytes are not set. */
void *memory_resize(void *at, size_t n, size_t size);
/* Makes `at` (of *room elements) hold n, by doubling; *room follows. */
void *memory_grow(void *at, size_t *room, size_t n, size_t size);
_Noreturn void memory_exhausted(void);
