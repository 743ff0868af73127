/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/debug_files.h"

#include <errno.h>

#include "tests/unit.h"

static void there_are_none_for_unknown_ids(void)
{
	static const uint8_t id[33] = {0xff, 0xfe, '/', '.', '.', '/'};
	int fd = -1;
	for (size_t n = 0; n <= sizeof(id); n++)
		CU_ASSERT_EQUAL(debug_files_open(id, n, &fd), -ENOENT);
	CU_ASSERT_EQUAL(fd, -1);
}

SUITE(debug_files, {"there are none for unknown IDs", there_are_none_for_unknown_ids});
