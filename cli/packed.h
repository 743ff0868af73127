/* SPDX-License-Identifier: Apache-2.0 */
/* Whole numbers as text, for the page: a third of what they are in JSON, and read without making an
 * array of them first. Of each the sign becomes the lowest bit (0, -1, 1, -2 are 0, 1, 2, 3); then
 * follow digits of base 64 (A-Z a-z 0-9 + /), the lowest first, each of five bits and, the highest
 * bit, whether more follow. cli/page/model.js reads it: unpack(). */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct packed {
	char *text; /* ends with a NUL; NULL: nothing was added */
	size_t n, room;
};

void packed_add(struct packed *packed, int64_t number);
/* The text, "" before the first number: borrowed until the next call. */
const char *packed_text(const struct packed *packed);
void packed_deinit(struct packed *packed);
