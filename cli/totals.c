/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/totals.h"

#include "cli/frames.h"
#include "cli/selection.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

void totals_init(struct totals *totals, const struct selection *selection,
		 const struct frames *frames)
{
	const struct profile *profile = selection->profile;
	totals->n = frames_end(frames);
	totals->self = memory_new(totals->n, sizeof(int64_t));
	totals->cum = memory_new(totals->n, sizeof(int64_t));
	/* The stack that a key was last met in, + 1. */
	guard_mem uint32_t *met = memory_new(totals->n, sizeof(uint32_t));
	for (uint32_t s = 0; s < profile->stacks.n; s++) {
		int64_t value = selection->of_stack[s];
		const struct profile_stack *stack = &profile->stacks.at[s];
		uint32_t n, leaf = 0;
		if (!value)
			continue;
		for (uint32_t i = 0; i < stack->n_frames; i++) {
			uint32_t location = profile->frames.at[stack->first_frame + i];
			const uint32_t *keys = frames_of(frames, location, &n);
			if (!leaf && n)
				leaf = keys[0];
			for (uint32_t k = 0; k < n; k++) {
				if (met[keys[k]] == s + 1)
					continue;
				met[keys[k]] = s + 1;
				totals->cum[keys[k]] = selection_add(totals->cum[keys[k]], value);
			}
		}
		totals->self[leaf] = selection_add(totals->self[leaf], value);
		if (!leaf)
			totals->cum[0] = selection_add(totals->cum[0], value);
	}
}

void totals_deinit(struct totals *totals)
{
	free(totals->self);
	free(totals->cum);
	*totals = (struct totals){0};
}

struct order {
	const int64_t *first, *second;
	const struct frames *frames;
};

static uint64_t magnitude(int64_t value)
{
	return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

static int compare(const void *left, const void *right, void *context)
{
	const struct order *order = context;
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	uint64_t va = magnitude(order->first[a]), vb = magnitude(order->first[b]);
	if (va == vb) {
		va = magnitude(order->second[a]);
		vb = magnitude(order->second[b]);
	}
	if (va != vb)
		return va > vb ? -1 : 1;
	if (!a || !b)
		return a < b ? -1 : a > b;
	const struct frames_key *ka = frames_key(order->frames, a);
	const struct frames_key *kb = frames_key(order->frames, b);
	int by_name = strcmp(ka->name, kb->name);
	return by_name ? by_name : strcmp(ka->module, kb->module);
}

uint32_t *totals_sorted(const struct totals *totals, const struct frames *frames,
			enum totals_order by, uint32_t *n)
{
	uint32_t *keys = memory_new(totals->n, sizeof(*keys));
	*n = 0;
	for (uint32_t key = 0; key < totals->n; key++)
		if (totals->self[key] || totals->cum[key])
			keys[(*n)++] = key;
	struct order order = {totals->self, totals->cum, frames};
	if (by == TOTALS_BY_CUM)
		order = (struct order){totals->cum, totals->self, frames};
	qsort_r(keys, *n, sizeof(*keys), compare, &order);
	return keys;
}
