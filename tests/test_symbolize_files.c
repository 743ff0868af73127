/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/symbolize_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/guard.h"
#include "tests/unit.h"

/* They become part of a path. */
static void ids_are_digits(void)
{
	char id[SYMBOLIZE_FILES_ID];
	const uint8_t bytes[40] = {0xab, 0x0c, 0xff};
	symbolize_files_id(bytes, 3, id);
	CU_ASSERT_STRING_EQUAL(id, "ab0cff");
	CU_ASSERT_TRUE(symbolize_files_is_id(id));
	symbolize_files_id(bytes, sizeof(bytes), id);
	CU_ASSERT_EQUAL(strlen(id), 64);
	static const char *const bad[] = {"",	   "ab",   "abc",    "ABCD",
					  "../..", "ab/.", "abcdeg", "ab c"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CU_ASSERT_FALSE(symbolize_files_is_id(bad[i]));
	char longer[2 * SYMBOLIZE_FILES_ID];
	memset(longer, 'a', sizeof(longer));
	longer[SYMBOLIZE_FILES_ID + 1] = 0;
	CU_ASSERT_FALSE(symbolize_files_is_id(longer));
}

static void remove_all(char *directory)
{
	char path[256];
	static const char *const names[] = {"/.build-id/ab/cdef.debug", "/.build-id/ab/0123.debug",
					    "/.build-id/ab", "/.build-id", ""};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s%s", directory, names[i]);
		remove(path);
	}
}

/* Regular files only: a FIFO in its place is not waited for. */
static void finds_by_build_id(void)
{
	char directory[] = "/tmp/symbolize_files-XXXXXX", path[PATH_MAX], name[256];
	CU_ASSERT_PTR_NOT_NULL(mkdtemp(directory));
	struct symbolize_files files = {.directory = {"/no/such", directory}, .n_directories = 2};
	snprintf(name, sizeof(name), "%s/.build-id", directory);
	CU_ASSERT_EQUAL(mkdir(name, 0700), 0);
	snprintf(name, sizeof(name), "%s/.build-id/ab", directory);
	CU_ASSERT_EQUAL(mkdir(name, 0700), 0);
	snprintf(name, sizeof(name), "%s/.build-id/ab/0123.debug", directory);
	CU_ASSERT_EQUAL(mkfifo(name, 0600), 0);
	snprintf(name, sizeof(name), "%s/.build-id/ab/cdef.debug", directory);
	int made guard_fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	CU_ASSERT_TRUE(made >= 0);
	int found guard_fd = symbolize_files_find(&files, "abcdef", path, NULL);
	CU_ASSERT_TRUE(found >= 0);
	CU_ASSERT_STRING_EQUAL(path, name);
	CU_ASSERT_EQUAL(symbolize_files_find(&files, "ab0123", path, NULL), -ENOENT);
	CU_ASSERT_EQUAL(symbolize_files_find(&files, "abcdef01", path, NULL), -ENOENT);
	remove_all(directory);
}

SUITE(symbolize_files, {"IDs are digits", ids_are_digits},
      {"finds by build ID", finds_by_build_id});
