/* SPDX-License-Identifier: Apache-2.0 */
/* Folded stacks, as flamegraph.pl and its kin read them: `comm;root;…;leaf COUNT`. Lines that would
 * look alike are one. Lines of zero or less are left out: readers drop them. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

struct err;
struct profile;
struct selection;

struct folded_options {
	bool annotate; /* _[k] kernel, _[i] inlined, _[j] compiled at run time */
	bool threads;  /* the first frame is comm-pid/tid */
};

/* Counts are samples where the selected column is `cpu` and there is a `samples` column (see
 * folded_column()), microseconds for other times, else the values themselves. The counts of all
 * lines add up to the column's sum in that unit, rounded down. */
void folded_write(FILE *out, const struct selection *selection,
		  const struct folded_options *options);
/* The name of the column to select for `--sample SAMPLE` (NULL: the default). */
const char *folded_column(const struct profile *profile, const char *sample);
