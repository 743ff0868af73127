/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/kallsyms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "tests/image.h"
#include "tests/unit.h"

static int parse(const char *text, size_t bytes, struct kallsyms **k, struct err *err)
{
	guard_fd int fd = image_file(text, bytes);
	return kallsyms_new(fd, k, err);
}

static void is(const struct kallsyms *k, uint64_t address, const char *name, const char *module)
{
	struct kallsyms_name found = {"", ""};
	(void)kallsyms_find(k, address, &found);
	CU_ASSERT_STRING_EQUAL(found.name, name);
	CU_ASSERT_STRING_EQUAL(found.module, module);
}

static void names_functions(void)
{
	static const char text[] = "0000000000000000 A fixed_percpu_data\n"
				   "ffffffff81000000 T _text\n"
				   "ffffffff81000000 T _stext\n"
				   "ffffffff81000000 T startup\n"
				   "ffffffff81000100 t do_something\n"
				   "ffffffff81000180 D data\n"
				   "ffffffff81000200 W weak\n"
				   "ffffffffc0200000 t ext4_read\t[ext4]\n"
				   "ffffffffc0200040 t ext4_write\t[ext4]\n"
				   "garbage\nffffffffc0200050\nffffffffc0200050 t\n"
				   "ffffffffc0300000 t bpf_prog_0123456789abcdef_walk\t[bpf]";
	guard_kallsyms struct kallsyms *k = NULL;
	CU_ASSERT_EQUAL(parse(text, sizeof(text) - 1, &k, NULL), 0);
	CU_ASSERT_EQUAL(kallsyms_n(k), 5); /* the last line has no newline */
	is(k, 0xffffffff80ffffff, "", "");
	is(k, 0xffffffff81000000, "startup", "");
	is(k, 0xffffffff810001ff, "do_something", "");
	is(k, 0xffffffff8100ffff, "weak", "");
	is(k, 0xffffffff81010200, "", "");
	is(k, 0xffffffffc020003f, "ext4_read", "ext4");
	is(k, 0xffffffffc020ffff, "ext4_write", "ext4");
	is(k, 0xffffffffc0210040, "", "");
}

static void says_why_not(void)
{
	static const char hidden[] = "0000000000000000 T _text\n0000000000000000 T _stext\n";
	struct kallsyms *k = NULL;
	struct err err = {}, none = {};
	CU_ASSERT_EQUAL(parse(hidden, sizeof(hidden) - 1, &k, &err), -EPERM);
	CU_ASSERT_STRING_EQUAL(err.msg, "the kernel hides its addresses (kernel.kptr_restrict)");
	CU_ASSERT_EQUAL(parse("", 0, &k, &none), -ENODATA);
	CU_ASSERT_EQUAL(kallsyms_new(-1, &k, NULL), -EIO);
	CU_ASSERT_PTR_NULL(k);
}

/* A line longer than the whole buffer, and one that ends exactly there. */
static void long_lines_are_skipped(void)
{
	static char text[300 << 10];
	static const char after[] = "\nffffffff81000000 T after\n";
	memset(text, 'x', sizeof(text));
	memcpy(text, "ffffffff80000000 T ", 19);
	memcpy(text + sizeof(text) - sizeof(after), after, sizeof(after));
	guard_kallsyms struct kallsyms *k = NULL;
	CU_ASSERT_EQUAL(parse(text, sizeof(text) - 1, &k, NULL), 0);
	CU_ASSERT_EQUAL(kallsyms_n(k), 1);
	is(k, 0xffffffff81000001, "after", "");
}

static void many_lines_cross_the_buffer(void)
{
	enum {
		LINES = 20000,
		BYTES = 48
	};
	guard_mem char *text = malloc(LINES * BYTES + 1);
	size_t n = 0;
	for (int i = 0; i < LINES; i++)
		n += (size_t)snprintf(text + n, BYTES + 1, "ffffffff%08x t function_%d\t[m%d]\n",
				      0x81000000 + 16 * i, i, i / 100);
	guard_kallsyms struct kallsyms *k = NULL;
	CU_ASSERT_EQUAL(parse(text, n, &k, NULL), 0);
	CU_ASSERT_EQUAL(kallsyms_n(k), LINES);
	unsigned wrong = 0;
	for (int i = 0; i < LINES; i++) {
		char name[32];
		struct kallsyms_name found;
		snprintf(name, sizeof(name), "function_%d", i);
		wrong += kallsyms_find(k, 0xffffffff81000000 + 16 * (uint64_t)i + 15, &found) ||
			 strcmp(found.name, name) || atoi(found.module + 1) != i / 100;
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

SUITE(kallsyms, {"names functions", names_functions}, {"says why not", says_why_not},
      {"long lines are skipped", long_lines_are_skipped},
      {"many lines cross the buffer", many_lines_cross_the_buffer});
