/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/maps.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "common/guard.h"
#include "tests/unit.h"

static void reads_lines(void)
{
	static const char text[] =
		"00400000-00401000 r--p 00000000 08:01 12    /bin/a\n"
		"00401000-00403000 r-xp 00001000 08:01 12                         /bin/a b\n"
		"00500000-00501000 r-xp 00000000 103:2 99 /x\\012y (deleted)\n"
		"7f0000000000-7f0000001000 rwxp 00000000 00:00 0 \n"
		"7fff00000000-7fff00002000 r-xp 00000000 00:00 0                  [vdso]\n"
		"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0          [vsyscall]\n"
		"00600000-00601000 r-xp 000";
	struct maps maps = {0};
	maps_parse(text, strlen(text), &maps);
	CU_ASSERT_EQUAL_FATAL(maps.n, 5);
	CU_ASSERT_STRING_EQUAL(maps.at[0].path, "/bin/a b");
	CU_ASSERT_EQUAL(maps.at[0].offset, 0x1000);
	CU_ASSERT_EQUAL(maps.at[0].dev, makedev(8, 1));
	CU_ASSERT_STRING_EQUAL(maps.at[1].path, "/x\ny");
	CU_ASSERT_TRUE(maps.at[1].deleted);
	CU_ASSERT_EQUAL(maps.at[1].inode, 99);
	CU_ASSERT_EQUAL(maps.at[2].kind, MAPS_ANONYMOUS);
	CU_ASSERT_EQUAL(maps.at[3].kind, MAPS_VDSO);
	CU_ASSERT_EQUAL(maps.at[4].kind, MAPS_OTHER);
	CU_ASSERT_PTR_EQUAL(maps_find(&maps, 0x402fff), &maps.at[0]);
	CU_ASSERT_PTR_NULL(maps_find(&maps, 0x403000));
	CU_ASSERT_PTR_NULL(maps_find(&maps, 0x400fff));
	CU_ASSERT_PTR_EQUAL(maps_find(&maps, 0xffffffffff600000), &maps.at[4]);
	maps_deinit(&maps);
}

static void leaves_out_what_the_kernel_does_not_write(void)
{
	static const char *const lines[] = {
		"",
		"\n",
		"-\n",
		"zz-10 r-xp 0 0:0 0\n",
		"20-10 r-xp 0 0:0 0 x\n",
		"10-20 r-xp 0 0:0 \n",
		"10-20 r-xp\n",
		"10-20 r-xp 0 0:0 123456789012345678901 x\n",
		"11112222333344445-20 r-xp 0 0:0 0\n",
	};
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct maps maps = {0};
		maps_parse(lines[i], strlen(lines[i]), &maps);
		CU_ASSERT_EQUAL(maps.n, 0);
		maps_deinit(&maps);
	}
	struct maps maps = {0};
	static const char overlapping[] = "10-30 r-xp 0 0:0 0\n20-40 r-xp 0 0:0 0\n";
	maps_parse(overlapping, strlen(overlapping), &maps);
	CU_ASSERT_EQUAL(maps.n, 1);
	maps_deinit(&maps);
}

static void reads_this_process(void)
{
	int fd guard_fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	struct maps maps;
	CU_ASSERT_EQUAL_FATAL(maps_read(fd, &maps), 0);
	const struct maps_line *line = maps_find(&maps, (uint64_t)(uintptr_t)reads_this_process);
	CU_ASSERT_PTR_NOT_NULL_FATAL(line);
	struct stat st;
	CU_ASSERT_EQUAL(stat("/proc/self/exe", &st), 0);
	CU_ASSERT_EQUAL(line->inode, st.st_ino);
	CU_ASSERT_EQUAL(line->dev, st.st_dev);
	maps_deinit(&maps);
}

SUITE(maps, {"reads lines", reads_lines},
      {"leaves out what the kernel does not write", leaves_out_what_the_kernel_does_not_write},
      {"reads this process", reads_this_process});
