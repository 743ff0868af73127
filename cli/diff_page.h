/* SPDX-License-Identifier: Apache-2.0 */
/* `probe diff --html`: the stacks of all files as one tree with two columns, before and after, on
 * the page of the flame graph, and the table of the comparison. */
#pragma once

#include "common/guard.h"

#include <stdio.h>

struct diff_functions;
struct diff_page;
struct diff_view;
struct err;
struct profile;

struct diff_page *diff_page_new(size_t n_files);
void diff_page_free(struct diff_page *page);
GUARD_DEFINE(diff_page, struct diff_page *, diff_page_free)
/* The stacks of file number `file` (from 0) in the column of this name; functions as of diff_run.h.
 * Negative errno with words: no such column. */
int diff_page_add(struct diff_page *page, size_t file, const struct profile *from,
		  const char *column, struct diff_functions *functions, struct err *err);
/* Once all files are there, and compared; once. */
int diff_page_write(FILE *out, struct diff_page *page, const struct diff_view *view,
		    struct err *err);
