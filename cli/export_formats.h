/* SPDX-License-Identifier: Apache-2.0 */
/* The formats that a profile can be written in: a table of names, suffixes and writers. */
#pragma once

#include "cli/folded.h"
#include "cli/selection.h"

#include <stdbool.h>
#include <stdio.h>

struct err;
struct profile;

/* What a format is made from. */
struct export_request {
	struct profile *profile;
	const char *name; /* of the file, for people */
	struct selection_wish wish;
	struct folded_options folded;
};

struct export_format {
	const char *name;
	const char *suffixes[4]; /* of files; NULL ends them */
	bool binary;
	bool whole; /* has all rows: --focus and --ignore make no sense */
	int (*write)(const struct export_request *request, FILE *out, struct err *err);
};

/* By name (a unique prefix will do); NULL with words. */
const struct export_format *export_formats_find(const char *name, struct err *err);
/* By the suffix of a file's name; NULL with words. */
const struct export_format *export_formats_of(const char *file, struct err *err);
