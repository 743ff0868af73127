/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/package.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit.h"

static void says(const char *answer, const char *package)
{
	char found[PACKAGE_BYTES] = "";
	CU_ASSERT_EQUAL(package_parse(answer, found), package != NULL);
	CU_ASSERT_STRING_EQUAL(found, package ? package : "");
}

static void parses_what_dpkg_says(void)
{
	char longest[PACKAGE_BYTES + 32];
	says("xz-utils: /usr/bin/xz\n", "xz-utils");
	says("libc6:amd64: /lib/x86_64-linux-gnu/libc.so.6\n", "libc6");
	says("a, b:i386: /usr/share/doc\n", "a");
	says("diversion by dash from: /bin/sh\ndiversion by dash to: /bin/sh.distrib\ndash: "
	     "/bin/sh\n",
	     "dash");
	says("no colon\n: /nameless\nlast: /x", "last");
	says("no colon", NULL);
	says("\n", NULL);
	says("", NULL);
	memset(longest, 'a', sizeof(longest));
	snprintf(longest + PACKAGE_BYTES, 32, ": /x\n");
	says(longest, NULL);
	char fits[PACKAGE_BYTES] = "";
	memset(fits, 'a', PACKAGE_BYTES - 1);
	says(longest + 1, fits);
}

static void is_from(const char *path, const char *package)
{
	char found[PACKAGE_BYTES] = "";
	CU_ASSERT_EQUAL(package_find(path, found), package != NULL);
	CU_ASSERT_STRING_EQUAL(found, package ? package : "");
}

static void asks_dpkg(void)
{
	is_from("/usr/bin/dpkg-query", "dpkg");
	is_from("/usr/lib/x86_64-linux-gnu/libc.so.6", "libc6");
	is_from("/lib/x86_64-linux-gnu/libc.so.6", "libc6");
	is_from("/usr/bin/dpkg-quer", NULL);
	is_from("/usr/bin/dpkg-quer?", NULL);
	is_from("/usr/bin/dpkg-quer*", NULL);
	is_from("/usr/bin/dpkg-quer[y]", NULL);
	is_from("/usr/bin/dpkg\\-query", NULL);
	is_from("usr/bin/dpkg-query", NULL);
	is_from("--version", NULL);
	is_from("", NULL);
}

static void same_files(void)
{
	CU_ASSERT_TRUE(package_same_file((unsigned)getpid(), "/proc/self/exe"));
	CU_ASSERT_TRUE(package_same_file((unsigned)getpid(), "/etc/passwd"));
	CU_ASSERT_FALSE(package_same_file((unsigned)getpid(), "/nowhere"));
	CU_ASSERT_FALSE(package_same_file((unsigned)getpid(), "[vdso]"));
	CU_ASSERT_FALSE(package_same_file(UINT32_MAX, "/etc/passwd"));
}

SUITE(package, {"parses what dpkg says", parses_what_dpkg_says}, {"asks dpkg", asks_dpkg},
      {"same files", same_files});
