/* SPDX-License-Identifier: Apache-2.0 */
/* All files' stacks go into one profile, without rows, and what each file spent in them beside it.
 * When it is known what the files are divided by, rows of two values come of that, before and
 * after, in whole numbers of a small part of the unit (the page is told of which). */
#include "cli/diff_page.h"

#include "cli/diff_print.h"
#include "cli/flamegraph_page.h"
#include "cli/flamegraph_data.h"
#include "cli/frames.h"
#include "cli/selection.h"
#include "common/memory.h"
#include "common/profile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The larger whole in parts: enough for a millionth of it, and sums stay exact in JavaScript. */
#define PARTS 1e12

struct diff_page {
	struct profile *profile;
	size_t n_files;
	double *values; /* stack → of each file */
	size_t room;
};

static uint32_t add_text(struct profile *profile, const char *text)
{
	return profile_add_string(profile, text, strlen(text));
}

struct diff_page *diff_page_new(size_t n_files)
{
	struct diff_page *page = memory_new(1, sizeof(*page));
	page->profile = profile_new();
	page->n_files = n_files;
	return page;
}

void diff_page_free(struct diff_page *page)
{
	if (!page)
		return;
	profile_free(page->profile);
	free(page->values);
	free(page);
}

/* A mapping stands for a module, by the name from which its kind is told again. */
static uint32_t add_module(struct profile *profile, const struct diff_function *function,
			   unsigned kind)
{
	const char *name = kind & FRAMES_KERNEL ? "[kernel.kallsyms]" : function->module;
	struct profile_mapping mapping = {.file = add_text(profile, name)};
	return *name ? profile_add_mapping(profile, &mapping) : 0;
}

/* A location of a file, by names alone. */
static uint32_t add_location(struct profile *profile, const struct frames *frames,
			     uint32_t location, const uint32_t *map,
			     const struct diff_functions *functions)
{
	uint32_t n;
	const uint32_t *keys = frames_of(frames, location, &n);
	struct profile_line *lines guard_mem = memory_new(n, sizeof(*lines));
	struct profile_location added = {0};
	for (uint32_t i = 0; i < n; i++) {
		const struct diff_function *function = &functions->at[map[keys[i]]];
		struct profile_function named = {.name = add_text(profile, function->name)};
		lines[i].function = profile_add_function(profile, &named);
		if (i + 1 == n)
			added.mapping =
				add_module(profile, function, frames_key(frames, keys[i])->kind);
	}
	return profile_add_location(profile, &added, lines, n);
}

/* Location of `from` → location of the page; new. */
static uint32_t *map_locations(struct profile *profile, const struct profile *from,
			       struct diff_functions *functions)
{
	struct frames *frames guard(guard_frames) =
		frames_new(from, FRAMES_FUNCTION | FRAMES_MODULE);
	uint32_t *functions_of guard_mem = diff_run_map(functions, frames);
	uint32_t *map = memory_new((size_t)from->locations.n + 1, sizeof(*map));
	for (uint32_t i = 1; i < from->locations.n; i++)
		map[i] = add_location(profile, frames, i, functions_of, functions);
	return map;
}

static void add_value(struct diff_page *page, size_t file, uint32_t stack, int64_t value)
{
	size_t before = page->room, n = ((size_t)stack + 1) * page->n_files;
	page->values = memory_grow(page->values, &page->room, n, sizeof(*page->values));
	memset(page->values + before, 0, (page->room - before) * sizeof(*page->values));
	page->values[(size_t)stack * page->n_files + file] += (double)value;
}

int diff_page_add(struct diff_page *page, size_t file, const struct profile *from,
		  const char *column, struct diff_functions *functions, struct err *err)
{
	uint32_t at;
	int result = selection_column(from, column, &at, err);
	if (result < 0)
		return result;
	uint32_t *map guard_mem = map_locations(page->profile, from, functions);
	uint32_t *frames guard_mem = NULL;
	size_t room = 0;
	for (uint32_t row = 0; row < from->rows.n; row++) {
		const struct profile_stack *stack = &from->stacks.at[from->rows.at[row].stack];
		frames = memory_grow(frames, &room, (size_t)stack->n_frames + 1, sizeof(*frames));
		for (uint32_t i = 0; i < stack->n_frames; i++)
			frames[i] = map[from->frames.at[stack->first_frame + i]];
		add_value(page, file, profile_add_stack(page->profile, frames, stack->n_frames),
			  from->values[(size_t)row * from->types.n + at]);
	}
	return 0;
}

/* What a side spent in a stack, as the comparison counts it. */
static double rate_of(const struct diff_page *page, const struct diff_view *view, int side,
		      uint32_t stack)
{
	const struct diff_side *runs = &view->sides[side];
	const double *values = page->values + (size_t)stack * page->n_files;
	double value = 0, per = 0;
	for (uint32_t i = 0; i < runs->n; i++) {
		value += values[(side ? view->sides[0].n : 0) + i];
		per += runs->runs[i].per;
	}
	return per > 0 ? value / per : 0; /* of nothing there is no share */
}

static void add_rows(struct diff_page *page, const struct diff_view *view, double parts)
{
	struct profile *profile = page->profile;
	const char *unit = view->by == DIFF_BY_SHARE ? "share" : view->column->unit;
	for (int side = 0; side < 2; side++)
		profile_add_type(
			profile,
			(struct profile_type){.type = add_text(profile, side ? "after" : "before"),
					      .unit = add_text(profile, unit)});
	profile->default_type = 1;
	for (uint32_t stack = 0; stack < page->room / page->n_files && stack < profile->stacks.n;
	     stack++) {
		int64_t values[2] = {llround(rate_of(page, view, 0, stack) * parts),
				     llround(rate_of(page, view, 1, stack) * parts)};
		if (values[0] || values[1])
			profile_add_row(profile, stack, 0, values);
	}
}

struct more {
	const struct diff_view *view;
	double parts;
};

static void write_more(struct jsontext *json, const void *context)
{
	const struct more *more = context;
	diff_print_json_page(json, more->view, more->parts);
}

/* The head of the text. */
static char *head_of(const struct diff_view *view)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	if (!out)
		memory_exhausted();
	diff_print_head(out, view);
	fclose(out);
	return text;
}

int diff_page_write(FILE *out, struct diff_page *page, const struct diff_view *view,
		    struct err *err)
{
	const struct diff_delta *whole = &view->result->whole;
	double most = fmax(whole->before, whole->after);
	struct more more = {view, most > 0 ? PARTS / most : 0};
	add_rows(page, view, more.parts);
	char *head guard_mem = head_of(view);
	struct flamegraph_extra extra = {"before and after", head, write_more, &more};
	return flamegraph_page_write_extra(out, page->profile, &extra, err);
}
