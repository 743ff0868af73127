/* SPDX-License-Identifier: Apache-2.0 */
/* A Go program made in memory, as far as lines need it: main.outer, 0x20 bytes from the start of
 * .text, has main.inner inlined in [0x10, 0x18); main.other has the 0x10 bytes behind it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/bytes.h"

enum {
	GO_PROGRAM_COUNTERS = 132, /* where runs of values begin in the table */
};

/* Its .gopclntab, as Go 1.20 writes it or as 1.18 does. */
struct bytes go_program_table(bool is_1_20);
/* The file that has this table; free() it. */
uint8_t *go_program_image(const struct bytes *table, bool is_1_20, size_t *bytes);
