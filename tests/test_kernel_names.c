/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/kernel_names.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "tests/image.h"
#include "tests/unit.h"

enum {
	LATER = KERNEL_NAMES_AGE_S
};
static const uint64_t SECOND = 1000000000, STEXT = 0xffffffff81000000,
		      MODULES = 0xffffffffc0200000 - 0xffffffff81000000;

#define KERNEL "ffffffff81000000 T _stext\nffffffff81000100 t do_something\n"

static void write_text(int fd, const char *text)
{
	CU_ASSERT_EQUAL(ftruncate(fd, 0), 0);
	CU_ASSERT_EQUAL(pwrite(fd, text, strlen(text), 0), (ssize_t)strlen(text));
}

/* `at`: in seconds since it was opened. */
static void is(struct kernel_names *names, uint64_t offset, uint64_t at, const char *name)
{
	struct kallsyms_name found = {"", ""};
	(void)kernel_names_find(names, offset, (1000 + at) * SECOND, &found);
	CU_ASSERT_STRING_EQUAL(found.name, name);
}

static struct kernel_names *open_text(const char *text, int *fd)
{
	struct kernel_names *names = NULL;
	*fd = image_file(text, strlen(text));
	CU_ASSERT_EQUAL_FATAL(kernel_names_open(fcntl(*fd, F_DUPFD_CLOEXEC, 0), STEXT,
						1000 * SECOND, &names, NULL),
			      0);
	return names;
}

static void learns_of_modules(void)
{
	int fd guard_fd = -1;
	guard_kernel_names struct kernel_names *names = open_text(KERNEL, &fd);
	is(names, MODULES + 8, 0, "");
	write_text(fd, KERNEL "ffffffffc0200000 t ext4_read\t[ext4]\n");
	is(names, MODULES + 8, LATER - 1, ""); /* as read before */
	is(names, 8, LATER, "_stext");	       /* which asks for no reading */
	is(names, MODULES + 8, LATER, "ext4_read");
	CU_ASSERT_EQUAL(kernel_names_n(names), 3);
	/* another one where it lay */
	write_text(fd, KERNEL "ffffffffc0200000 t bpf_prog_0123456789abcdef_walk\t[bpf]\n");
	is(names, MODULES + 8, 2 * LATER - 1, "ext4_read");
	is(names, MODULES + 8, 2 * LATER, "bpf_prog_0123456789abcdef_walk");
}

static void keeps_what_it_has(void)
{
	int fd guard_fd = -1;
	guard_kernel_names struct kernel_names *names =
		open_text(KERNEL "ffffffffc0200000 t ext4_read\t[ext4]\n", &fd);
	write_text(fd, "");
	is(names, MODULES + 8, LATER, "ext4_read");
	is(names, 0x108, LATER, "do_something");
	write_text(fd, KERNEL);
	is(names, MODULES + 8, LATER + 1, "ext4_read"); /* tried a second ago */
	is(names, MODULES + 8, 2 * LATER, "");
}

static void says_why_not(void)
{
	struct kernel_names *names = NULL;
	struct err err = {0};
	static const char hidden[] = "0000000000000000 T _stext\n";
	int fd = image_file(hidden, strlen(hidden));
	CU_ASSERT_EQUAL(kernel_names_open(fd, STEXT, 0, &names, &err), -EPERM);
	CU_ASSERT_PTR_NULL(names);
	CU_ASSERT_EQUAL(fcntl(fd, F_GETFD), -1); /* was taken */
}

SUITE(kernel_names, {"learns of modules", learns_of_modules},
      {"keeps what it has", keeps_what_it_has}, {"says why not", says_why_not});
