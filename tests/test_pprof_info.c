/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pprof_info.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/info.pb-c.h"
#include "tests/unit.h"

/* As npm's pprof-format reads top-level fields: a tag is one byte. All must be length-delimited and
 * of field 24, and end where the bytes end. */
static bool is_passed_over(const uint8_t *at, size_t bytes)
{
	size_t i = 0;
	while (i < bytes) {
		if (at[i] >> 3 != 24 || (at[i] & 7) != 2 || at[i + 1] >= 0x80)
			return false;
		i += 2u + at[i + 1];
	}
	return i == bytes;
}

/* Whatever its length, it comes back as it was. */
static void every_length(void)
{
	char name[300] = "";
	for (size_t n = 0; n < 200; n++) {
		memset(name, 'x', n);
		name[n] = '\0';
		Probe__Info info = PROBE__INFO__INIT;
		info.name = name;
		size_t bytes, whole = 0;
		uint8_t *pieces = pprof_info_pack(&info, &bytes), joined[400];
		CU_ASSERT(is_passed_over(pieces, bytes));
		for (size_t i = 0; i + 64 <= bytes && whole + 61 <= sizeof(joined); i += 64) {
			CU_ASSERT(!memcmp(pieces + i, "\xc2\x3e\x3d", 3));
			memcpy(joined + whole, pieces + i + 3, 61);
			whole += 61;
		}
		Probe__Info *back = probe__info__unpack(NULL, whole, joined);
		CU_ASSERT_FATAL(back != NULL);
		CU_ASSERT_STRING_EQUAL(back->name, name);
		/* Packed again: no padding of padding. */
		size_t again;
		free(pprof_info_pack(back, &again));
		CU_ASSERT_EQUAL(again, bytes);
		probe__info__free_unpacked(back, NULL);
		free(pieces);
	}
}

SUITE(pprof_info, {"every length", every_length});
