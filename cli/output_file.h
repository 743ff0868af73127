/* SPDX-License-Identifier: Apache-2.0 */
/* A file that appears whole under its name or not at all. Where the file system can, it has no name
 * until then, so that nothing is left behind however we end. What is no file (a pipe, a terminal,
 * /dev/null) is never replaced but written to. */
#pragma once

#include <stdbool.h>

struct err;

struct output_file {
	int fd;		 /* -1: none */
	char *temporary; /* hidden, beside the place it is for; NULL: it has no name yet */
	char *place;	 /* where a link leads to what is replaced; NULL: the path itself */
	bool special;	 /* `fd` is the place itself */
};

enum output_file_found {
	OUTPUT_FILE_NONE = 0, /* or a file that may be replaced */
	OUTPUT_FILE_SPECIAL,
};

/* What is at `path` already; opens nothing. -EEXIST (unless `replace`), -EISDIR, -EACCES; -EINVAL:
 * the name is none of a file. */
int output_file_look(const char *path, bool replace);
/* In the directory of `path` ("" or "dir/": that one). `replace`: it may take the place of another
 * file, and its owner and mode. 0 or negative errno. */
int output_file_open(struct output_file *file, const char *path, bool replace);
/* Gives it its name. -EEXIST without `replace` (of output_file_open()): there is one, and another
 * name may be tried. Other negative errno: it could not be written. */
int output_file_place(struct output_file *file, const char *path, bool replace);
/* Removes what was not placed. */
void output_file_deinit(struct output_file *file);

/* Words for a negative errno of these or of writing; `path` NULL: standard output. Returns `code`.
 */
int output_file_failed(const char *path, int code, struct err *err);
