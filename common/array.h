/* SPDX-License-Identifier: Apache-2.0 */
/* Growing arrays and allocations that do not return NULL: running out of memory ends the process
 * with one line, since nothing useful can be done then. */
#pragma once

#include <stddef.h>
#include <stdint.h>

char *array_copy(const void *bytes, size_t n); /* + a NUL */

/* Room for element `n` (0-based) of an array of elements of `size` bytes; new memory is zeroed. */
void *array_room(void *at, uint32_t n, uint32_t *room, size_t size);
/* `array` has members at, n, room. */
#define array_reserve(array, more)                                                                 \
	((array)->at = array_room((array)->at, (array)->n + (more), &(array)->room,                \
				  sizeof(*(array)->at)))
/* Gives back the room behind the elements that are there. */
void *array_trim(void *at, uint32_t n, uint32_t *room, size_t size);
#define array_shrink(array)                                                                        \
	((array)->at = array_trim((array)->at, (array)->n, &(array)->room, sizeof(*(array)->at)))
/* The new last element, zeroed. */
#define array_add(array) (array_reserve(array, 1), &(array)->at[(array)->n++])
