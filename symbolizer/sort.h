/* SPDX-License-Identifier: Apache-2.0 */
/* A sort whose time no order of the input makes more than n log n. qsort() is quadratic at worst
 * where memory is short (glibc 2.36), and who wrote the file chooses the order. */
#pragma once

#include <stddef.h>

/* As qsort(); equal ones stay in their order. -ENOMEM: nothing was sorted. */
int sort_records(void *records, size_t n, size_t size, int (*compare)(const void *, const void *));
