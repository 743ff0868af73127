/* SPDX-License-Identifier: Apache-2.0 */
/* One view of a report: what the options asked for, what it is of, where it goes. */
#pragma once

#include "cli/selection.h"
#include "cli/totals.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct frames;
struct jsontext;
struct tree;

/* What key 0 is called: of a sample without frames. */
#define REPORT_VIEW_NO_STACK "[no stack]"

enum report_kind {
	REPORT_FLAT,
	REPORT_PROCESSES,
	REPORT_THREADS,
	REPORT_TREE,
	REPORT_RESOURCES,
	REPORT_WAKERS,
};

struct report_view {
	enum report_kind kind;
	const struct profile *profile;
	const struct frames *frames;
	const struct selection *selection;
	enum totals_order order;
	const struct tree *tree; /* of REPORT_TREE */
	double min_percent;	 /* what is smaller in self and cum is left out, and counted */
	bool by_line, by_module; /* what frames are told apart by, beside or instead of functions */
	size_t width;		 /* 0: no terminal */
	bool fill; /* the table takes all of the width: its columns stay where they are */
	bool colour;
};

/* "cpu: 1.99s": what the table is of, where that is not plain: another column than time, a part of
 * it. */
void report_view_print_selection(FILE *out, const struct selection *selection,
				 const struct selection_wish *wish);
/* What a frame is called in a table: its function, with its line where that tells frames apart;
 * new. */
char *report_view_name(const struct report_view *view, uint32_t key);
/* The table, without a head. */
void report_view_print(FILE *out, const struct report_view *view);
/* All of it; `file`: what to call the profile. */
void report_view_json(FILE *out, const struct report_view *view, const char *file);
