/* SPDX-License-Identifier: Apache-2.0 */
/* A file that appears whole under its name or not at all. Where the file system can, it has no name
 * until then, so that nothing is left behind however we end. */
#pragma once

#include <stdbool.h>

struct output_file {
	int fd;		 /* -1: none */
	char *temporary; /* hidden, beside the place it is for; NULL: it has no name yet */
};

/* In the directory of `path` ("" or "dir/": that one). `replace`: it may take the place of another
 * file. 0 or negative errno. */
int output_file_open(struct output_file *file, const char *path, bool replace);
/* Gives it its name. -EEXIST without `replace` (of output_file_open()): there is one, and another
 * name may be tried. Other negative errno: it could not be written. */
int output_file_place(struct output_file *file, const char *path, bool replace);
/* Removes what was not placed. */
void output_file_deinit(struct output_file *file);
