/* SPDX-License-Identifier: Apache-2.0 */
/* What of a profile a view is about: one column, and the stacks that --focus and --ignore leave.
 * Values are summed a stack and a label set first, so that no view looks at rows again. */
#pragma once

#include "common/profile.h"

#include <stdint.h>

struct err;
struct frames;

struct selection_wish {
	const char *sample;	    /* --sample; NULL: the profile's default */
	const char *focus, *ignore; /* extended regular expressions on function names; or NULL */
};

struct selection {
	const struct profile *profile;
	uint32_t column;
	const char *type, *unit;
	int64_t total; /* of all rows: what percentages are of */
	int64_t kept;  /* of those selected */
	int64_t *of_stack;
	int64_t *of_labels;
	bool *keep; /* stack → selected */
};

/* The wished column. -EINVAL with words: no such column, or it was not measured. */
int selection_column(const struct profile *profile, const char *sample, uint32_t *column,
		     struct err *err);
/* For people: wishes for time waited where no column is wished for, and the default is CPU time of
 * which there is none. True: it did. */
bool selection_wish_something(struct selection_wish *wish, const struct profile *profile);
/* `frames`: made with FRAMES_FUNCTION. Everything is borrowed and must outlive the selection.
 * Negative errno with words: the column, a regular expression. */
int selection_init(struct selection *selection, const struct profile *profile,
		   const struct frames *frames, const struct selection_wish *wish, struct err *err);
void selection_deinit(struct selection *selection);

/* Value of a row in the selected column, 0 if it is not selected. */
int64_t selection_row(const struct selection *selection, uint32_t row);

/* Values come from files: sums stay at the ends of the range. */
static inline int64_t selection_add(int64_t a, int64_t b)
{
	int64_t sum;
	if (__builtin_add_overflow(a, b, &sum))
		return b > 0 ? INT64_MAX : INT64_MIN;
	return sum;
}
