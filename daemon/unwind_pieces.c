/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/unwind_pieces.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"

void unwind_pieces_init(struct unwind_pieces *pieces, uint32_t first, uint32_t n)
{
	*pieces = (struct unwind_pieces){.n_free = n};
	*array_add(pieces) = (struct unwind_piece){first, n};
}

void unwind_pieces_deinit(struct unwind_pieces *pieces)
{
	free(pieces->at);
	*pieces = (struct unwind_pieces){0};
}

static void remove_at(struct unwind_pieces *pieces, uint32_t i)
{
	pieces->n--;
	memmove(&pieces->at[i], &pieces->at[i + 1], (pieces->n - i) * sizeof(*pieces->at));
}

uint32_t unwind_pieces_take(struct unwind_pieces *pieces, uint32_t n)
{
	for (uint32_t i = 0; i < pieces->n; i++) {
		struct unwind_piece *piece = &pieces->at[i];
		if (piece->n < n)
			continue;
		uint32_t first = piece->first;
		piece->first += n;
		piece->n -= n;
		pieces->n_free -= n;
		if (!piece->n)
			remove_at(pieces, i);
		return first;
	}
	return UNWIND_PIECES_NONE;
}

void unwind_pieces_give(struct unwind_pieces *pieces, uint32_t first, uint32_t n)
{
	if (!n)
		return;
	uint32_t i = 0;
	while (i < pieces->n && pieces->at[i].first < first)
		i++;
	assert(!i || pieces->at[i - 1].first + pieces->at[i - 1].n <= first);
	assert(i == pieces->n || first + n <= pieces->at[i].first);
	array_add(pieces);
	memmove(&pieces->at[i + 1], &pieces->at[i], (pieces->n - 1 - i) * sizeof(*pieces->at));
	pieces->at[i] = (struct unwind_piece){first, n};
	pieces->n_free += n;
	if (i + 1 < pieces->n && first + n == pieces->at[i + 1].first) {
		pieces->at[i].n += pieces->at[i + 1].n;
		remove_at(pieces, i + 1);
	}
	if (i && pieces->at[i - 1].first + pieces->at[i - 1].n == first) {
		pieces->at[i - 1].n += pieces->at[i].n;
		remove_at(pieces, i);
	}
}
