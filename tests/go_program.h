/* SPDX-License-Identifier: Apache-2.0 */
/* A Go program made in memory: main.outer, 0x20 bytes from the start of .text, has main.inner
 * inlined in [0x10, 0x18), and its frame is 0x18 deep in [4, 0x1c); main.other has the 0x10 bytes
 * behind it, and nothing is told of its frame. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/bytes.h"

enum {
	GO_PROGRAM_COUNTERS = 132,		      /* where runs of values begin in the table */
	GO_PROGRAM_DEPTHS = GO_PROGRAM_COUNTERS + 30, /* that of depths */
};

/* Of the table's header, by where they are. */
enum go_program_field {
	GO_PROGRAM_N_FUNCTIONS = 8,
	GO_PROGRAM_TEXT = 24,
	GO_PROGRAM_NAMES = 32,
	GO_PROGRAM_COUNTERS_AT = 56,
	GO_PROGRAM_FUNCTIONS = 64,
};

/* Its .gopclntab, as Go 1.20 writes it or as 1.18 does. */
struct bytes go_program_table(bool is_1_20);
/* The file that has this table; free() it. */
uint8_t *go_program_image(const struct bytes *table, bool is_1_20, size_t *bytes);
void go_program_set(const struct bytes *table, enum go_program_field field, uint64_t value);
