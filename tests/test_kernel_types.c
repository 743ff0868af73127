/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel_types.h"
#include "common/err.h"
#include "common/guard.h"
#include "tests/unit.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A sysfs of our own, which grows. */
struct place {
	char root[64], kernel[PATH_MAX], btf[PATH_MAX], vmlinux[PATH_MAX];
};

static void place_init(struct place *place)
{
	snprintf(place->root, sizeof(place->root), "/tmp/probe-types-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(place->root));
	snprintf(place->kernel, sizeof(place->kernel), "%s/kernel", place->root);
	snprintf(place->btf, sizeof(place->btf), "%s/kernel/btf", place->root);
	snprintf(place->vmlinux, sizeof(place->vmlinux), "%s/kernel/btf/vmlinux", place->root);
}

static void place_deinit(struct place *place)
{
	unlink(place->vmlinux);
	rmdir(place->btf);
	rmdir(place->kernel);
	rmdir(place->root);
}

static void write_types(const struct place *place, const void *bytes, size_t n)
{
	FILE *file guard_file = fopen(place->vmlinux, "we");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_EQUAL(fwrite(bytes, 1, n, file), n);
}

static void advises(const struct place *place, const char *what)
{
	struct err err = {0};
	CU_ASSERT_EQUAL(kernel_types_check(place->root, &err), -ENOTSUP);
	CU_ASSERT_EQUAL(err.status, ERR_FAILED);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, place->vmlinux));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, what));
}

static void says_what_to_do(void)
{
	struct place place;
	place_init(&place);
	advises(&place, "mount -t sysfs");
	CU_ASSERT_EQUAL(mkdir(place.kernel, 0700), 0);
	advises(&place, "CONFIG_DEBUG_INFO_BTF");
	CU_ASSERT_EQUAL(mkdir(place.btf, 0700), 0);
	advises(&place, "umount");
	write_types(&place, "", 0);
	advises(&place, "umount");
	write_types(&place, "root:x:0:0", 10);
	advises(&place, "umount");
	write_types(&place, "\x9f\xeb\x01\x00", 4);
	CU_ASSERT_EQUAL(kernel_types_check(place.root, NULL), 0);
	place_deinit(&place);
}

SUITE(kernel_types, {"says what to do", says_what_to_do});
