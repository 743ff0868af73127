/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/vdso.h"

#include <elf.h>
#include <string.h>
#include <unistd.h>
#include "common/guard.h"
#include "tests/unit.h"

/* Whoever gets the fd reads it from where it stands. */
static void is_an_elf_file(void)
{
	int fd guard_fd = vdso_open();
	Elf64_Ehdr header;
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(read(fd, &header, sizeof(header)), sizeof(header));
	CU_ASSERT_FALSE(memcmp(header.e_ident, ELFMAG, SELFMAG));
	CU_ASSERT_EQUAL(header.e_type, ET_DYN);
}

SUITE(vdso, {"is an ELF file", is_an_elf_file});
