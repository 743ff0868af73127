/* SPDX-License-Identifier: Apache-2.0 */
/* Where a debug file of a build ID may be: files that were named, directories as Debian and Fedora
 * fill them (.build-id/ab/cdef….debug), and if so wished the servers of DEBUGINFOD_URLS. Found is
 * not believed: who reads the file compares its build ID. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct err;

enum {
	SYMBOLIZE_FILES_MAX = 64, /* of each kind, on one command line */
	SYMBOLIZE_FILES_ID = 65,  /* a build ID as text, with its NUL */
};

struct symbolize_files {
	struct {
		const char *path; /* borrowed */
		char id[SYMBOLIZE_FILES_ID];
	} file[SYMBOLIZE_FILES_MAX];
	const char *directory[SYMBOLIZE_FILES_MAX]; /* borrowed */
	uint32_t n_files, n_directories;
	bool debuginfod;
};

/* A file of which only the build ID is to be found out: by the worker, since no other program of
 * ours reads what anybody made. -EINVAL with words: not there, no ELF file, no build ID. */
int symbolize_files_add(struct symbolize_files *files, const char *path, struct err *err);
/* The build ID as hexadecimal digits. */
void symbolize_files_id(const uint8_t *id, uint32_t n, char out[SYMBOLIZE_FILES_ID]);
/* Lower-case digits, and as many as build IDs have: what a path may be made of. */
bool symbolize_files_is_id(const char *id);
/* A regular file, opened without side effects; negative errno. */
int symbolize_files_open(const char *path);
/* An fd and *path; -ENOENT: none. Negative errno with words: debuginfod could not be asked. */
int symbolize_files_find(const struct symbolize_files *files, const char *id, char path[PATH_MAX],
			 struct err *err);
/* The same for what dwz moved out of a debug file: by build ID, or by `name` below .dwz/. */
int symbolize_files_find_alt(const struct symbolize_files *files, const char *id, const char *name,
			     char path[PATH_MAX]);
