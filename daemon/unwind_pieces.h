/* SPDX-License-Identifier: Apache-2.0 */
/* Which pieces of an array are free: first fit, neighbours grow together again. */
#pragma once

#include <stdint.h>

struct unwind_pieces {
	struct unwind_piece {
		uint32_t first, n;
	} * at; /* free, ascending, never touching */
	uint32_t n, room;
	uint32_t n_free; /* elements */
};

enum {
	UNWIND_PIECES_NONE = UINT32_MAX
};

/* Elements [first, first + n) are free. */
void unwind_pieces_init(struct unwind_pieces *pieces, uint32_t first, uint32_t n);
void unwind_pieces_deinit(struct unwind_pieces *pieces);
/* First element of a piece of n, or UNWIND_PIECES_NONE. */
uint32_t unwind_pieces_take(struct unwind_pieces *pieces, uint32_t n);
/* Gives back what was taken. n 0 is nothing. */
void unwind_pieces_give(struct unwind_pieces *pieces, uint32_t first, uint32_t n);
