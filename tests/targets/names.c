/* SPDX-License-Identifier: Apache-2.0 */
/* Symbols and a comm that a terminal, a folded line or a JSON text must never get raw. The symbols
 * are renamed after linking (tests.mk): names_escape has an escape sequence, a tab and a newline,
 * names_semicolon has `;` and blanks, names_bytes is no UTF-8, names_long has 6,000 letters.
 *
 *	names [SECONDS]
 */
#include "tests/targets/busy.h"

#include <sys/prctl.h>

#define NAMED(name)                                                                                \
	void name(void);                                                                           \
	void name(void)                                                                            \
	{                                                                                          \
		uint64_t end = busy_cpu_ns() + 2000000;                                            \
                                                                                                   \
		while (busy_cpu_ns() < end)                                                        \
			BUSY_SPIN();                                                               \
	}

NAMED(names_escape)
NAMED(names_semicolon)
NAMED(names_bytes)
NAMED(names_long)

int main(int argc, char **argv)
{
	uint64_t end = busy_until_used(argc, argv, 1);

	prctl(PR_SET_NAME, "\033[31m;a\nb\xff c");
	while (busy_cpu_ns() < end) {
		names_escape();
		names_semicolon();
		names_bytes();
		names_long();
	}
	return 0;
}
