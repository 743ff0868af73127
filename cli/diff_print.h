/* SPDX-License-Identifier: Apache-2.0 */
/* A comparison as a table and as JSON. */
#pragma once

#include "cli/diff_compare.h"
#include "cli/diff_run.h"

#include <stddef.h>
#include <stdio.h>

struct jsontext;

struct diff_view {
	const struct diff_result *result;
	const struct diff_functions *functions;
	const struct diff_column *column;
	const struct diff_side *sides; /* before, after */
	const char *const *names;      /* of the files: those of before, then those of after */
	enum diff_by by;	       /* not DIFF_BY_DEFAULT */
	bool cum;
	double min_percent;
	size_t width; /* 0: no terminal */
	bool colour;
};

/* Which files, the whole, what the noise is of. */
void diff_print_head(FILE *out, const struct diff_view *view);
void diff_print(FILE *out, const struct diff_view *view);
void diff_print_json(FILE *out, const struct diff_view *view);
/* The member "diff" of a page's data, whose values are `parts` to one. */
void diff_print_json_page(struct jsontext *json, const struct diff_view *view, double parts);
