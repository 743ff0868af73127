/* SPDX-License-Identifier: Apache-2.0 */
#include "symbolizer/plt.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "symbolizer/elf.h"
#include "symbolizer/symbols.h"
#include "tests/image.h"
#include "tests/unit.h"

/* Every stub of this program that objdump names. */
static void agrees_with_objdump(void)
{
	char real[512], command[700];
	ssize_t n = readlink("/proc/self/exe", real, sizeof(real) - 1);
	CU_ASSERT_TRUE(n > 0);
	real[n > 0 ? n : 0] = 0;
	snprintf(command, sizeof(command), "objdump -d -j .plt -j .plt.sec -j .plt.got '%s' 2>&1",
		 real);
	guard_elf struct elf *elf = NULL;
	guard_symbols struct symbols *symbols = NULL;
	CU_ASSERT_EQUAL(elf_open(open(real, O_RDONLY | O_CLOEXEC), &elf, NULL), 0);
	CU_ASSERT_EQUAL(symbols_new(elf, &symbols), 0);
	CU_ASSERT_EQUAL(plt_add(symbols, elf), 0);
	CU_ASSERT_EQUAL(symbols_finish(symbols), 0);
	FILE *objdump = popen(command, "re");
	char line[1024], name[512];
	unsigned long address;
	unsigned checked = 0, wrong = 0;
	while (objdump && fgets(line, sizeof(line), objdump)) {
		if (sscanf(line, "%lx <%500[^>]>:", &address, name) != 2 || *name == '*' ||
		    !strstr(name, "@plt") || strstr(name, "-0x"))
			continue;
		const char *found = symbols_find(symbols, address + 5);
		checked++;
		wrong += !found || strcmp(found, name);
	}
	pclose(objdump);
	CU_ASSERT_TRUE(checked > 50);
	CU_ASSERT_EQUAL(wrong, 0);
}

SUITE(plt, {"agrees with objdump", agrees_with_objdump});
