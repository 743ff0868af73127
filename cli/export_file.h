/* SPDX-License-Identifier: Apache-2.0 */
/* Where a view is written: standard output, or a file that appears whole, by rename. What cannot be
 * written is found before any work. An interrupt leaves no temporary file. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "cli/output_file.h"

struct err;

struct export_file {
	FILE *out;
	const char *path; /* borrowed; NULL: standard output */
	bool force;
	struct output_file file; /* with a path */
};

/* `path` NULL or "-": standard output, which is refused for binary data if it is a terminal.
 * Negative errno with words: exists (without `force`), no directory, no permission. */
int export_file_open(struct export_file *file, const char *path, bool force, bool binary,
		     struct err *err);
/* All has been written: the file gets its name. Negative errno with words; it is gone then. */
int export_file_commit(struct export_file *file, struct err *err);
/* Without a commit, nothing is left. */
void export_file_deinit(struct export_file *file);
