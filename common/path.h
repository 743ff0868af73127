/* SPDX-License-Identifier: Apache-2.0 */
/* Names of files, and where our own programs lie: side by side in the build tree, or where
 * `make install` puts them. */
#pragma once

#include <limits.h>
#include <stdbool.h>

struct err;

/* What follows the last slash, in `path`; all of it where nothing follows. */
const char *path_base(const char *path);
bool path_has_prefix(const char *path, const char *prefix);
/* Also false where nothing precedes: ".json" is a name. */
bool path_has_suffix(const char *path, const char *suffix);

/* The program `name` of ours ("probed", "probe-symbolizer") that belongs to this one. Negative
 * errno with words; -ENOENT: nowhere. */
int path_find_program(char path[PATH_MAX], const char *name, struct err *err);
