/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/sort.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/guard.h"

typedef int (*compare_records)(const void *, const void *);

static bool is_sorted(const uint8_t *at, size_t n, size_t size, compare_records compare)
{
	for (size_t i = 1; i < n; i++)
		if (compare(at + (i - 1) * size, at + i * size) > 0)
			return false;
	return true;
}

/* What most records have; a call for each would be half of the time. */
static inline void copy(uint8_t *to, const uint8_t *from, size_t size)
{
	if (size == 16)
		memcpy(to, from, 16);
	else if (size == 24)
		memcpy(to, from, 24);
	else
		memcpy(to, from, size);
}

/* Two runs beside each other, [at, middle) and [middle, end), become one. */
static void merge(const uint8_t *at, const uint8_t *middle, const uint8_t *end, uint8_t *to,
		  size_t size, compare_records compare)
{
	const uint8_t *left = at, *right = middle;
	if (middle == end || compare(middle - size, middle) <= 0) {
		memcpy(to, at, (size_t)(end - at));
		return;
	}
	for (; left < middle && right < end; to += size) {
		if (compare(left, right) <= 0) {
			copy(to, left, size);
			left += size;
		} else {
			copy(to, right, size);
			right += size;
		}
	}
	memcpy(to, left, (size_t)(middle - left));
	memcpy(to + (middle - left), right, (size_t)(end - right));
}

int sort_records(void *records, size_t n, size_t size, compare_records compare)
{
	const size_t bytes = n * size;
	if (is_sorted(records, n, size, compare))
		return 0;
	guard_mem uint8_t *room = malloc(bytes);
	uint8_t *from = records, *to = room;
	if (!room)
		return -ENOMEM;
	for (size_t run = size; run < bytes; run *= 2) {
		for (size_t at = 0; at < bytes; at += 2 * run) {
			size_t middle = bytes - at < run ? bytes : at + run;
			size_t end = bytes - middle < run ? bytes : middle + run;
			merge(from + at, from + middle, from + end, to + at, size, compare);
		}
		uint8_t *sorted = to;
		to = from;
		from = sorted;
	}
	if (from != records)
		memcpy(records, from, bytes);
	return 0;
}
