/* SPDX-License-Identifier: Apache-2.0 */
/* What `probe top` shows of its newest profile, and what keys change of that. */
#pragma once

#include "cli/totals.h"

#include <stdbool.h>
#include <stdint.h>

struct err;
struct profile;
struct screen;

enum {
	TOP_VIEW_FILTER = 128
};

enum top_view_kind {
	TOP_VIEW_FUNCTIONS,
	TOP_VIEW_MODULES,
	TOP_VIEW_THREADS,
	TOP_VIEW_PROCESSES,
};

struct top_view {
	const struct profile *profile; /* shown; NULL: none yet */
	enum top_view_kind kind;
	enum totals_order order;
	char column[TOP_VIEW_FILTER]; /* of the profile's types, by name; "": its default */
	char filter[TOP_VIEW_FILTER];
	char typed[TOP_VIEW_FILTER];
	bool typing, help, paused, colour;
	const char *state; /* "the target has ended"; or NULL */
	uint64_t period_ns;
};

/* One table to standard output; `json` for programs. Negative errno with words. */
int top_view_print(const struct top_view *view, bool json, struct err *err);
/* All of the screen. */
void top_view_draw(const struct top_view *view, struct screen *screen);
/* A key; true: the view ends. */
bool top_view_key(struct top_view *view, int key);
