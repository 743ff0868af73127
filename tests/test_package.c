/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/package.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit.h"

static void write_list(const char *directory, const char *name, const char *text)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *file = fopen(path, "we");
	assert(file && fputs(text, file) >= 0 && !fclose(file));
}

static void remove_list(const char *directory, const char *name)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	unlink(path);
}

static void is_from(const char *lists, const char *path, const char *package)
{
	char found[PACKAGE_BYTES] = "";
	CU_ASSERT_EQUAL(package_find(lists, path, found), package != NULL);
	CU_ASSERT_STRING_EQUAL(found, package ? package : "");
}

static void finds_by_lists(void)
{
	char lists[] = "/tmp/probe-unit-XXXXXX";
	assert(mkdtemp(lists));
	write_list(lists, "xz-utils.list", "/.\n/usr\n/usr/bin\n/usr/bin/xz\n/usr/bin/lzma");
	write_list(lists, "libc6:amd64.list", "/.\n/lib/x/libc.so.6\n");
	write_list(lists, "xz-utils.md5sums", "/usr/bin/other\n");
	write_list(lists, "empty.list", "");
	is_from(lists, "/usr/bin/xz", "xz-utils");
	is_from(lists, "/usr/bin/lzma", "xz-utils");
	is_from(lists, "/usr/lib/x/libc.so.6", "libc6");
	is_from(lists, "/lib/x/libc.so.6", "libc6");
	is_from(lists, "/usr/bin/x", NULL);
	is_from(lists, "/usr/bin/xz2", NULL);
	is_from(lists, "/bin/xz", NULL);
	is_from(lists, "/usr/bin/other", NULL);
	is_from(lists, "usr/bin/xz", NULL);
	is_from(lists, "", NULL);
	is_from("/nowhere", "/usr/bin/xz", NULL);
	remove_list(lists, "xz-utils.list");
	remove_list(lists, "libc6:amd64.list");
	remove_list(lists, "xz-utils.md5sums");
	remove_list(lists, "empty.list");
	CU_ASSERT_EQUAL(rmdir(lists), 0);
}

static void same_files(void)
{
	CU_ASSERT_TRUE(package_same_file((unsigned)getpid(), "/proc/self/exe"));
	CU_ASSERT_TRUE(package_same_file((unsigned)getpid(), "/etc/passwd"));
	CU_ASSERT_FALSE(package_same_file((unsigned)getpid(), "/nowhere"));
	CU_ASSERT_FALSE(package_same_file((unsigned)getpid(), "[vdso]"));
	CU_ASSERT_FALSE(package_same_file(UINT32_MAX, "/etc/passwd"));
}

SUITE(package, {"finds by lists", finds_by_lists}, {"same files", same_files});
