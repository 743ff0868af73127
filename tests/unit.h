/* SPDX-License-Identifier: Apache-2.0 */
/* How a test file adds itself to build/unit:
 *
 *	SUITE(cursor, {"reads numbers", reads_numbers}, {"stays failed", stays_failed})
 *
 * `build/unit` runs all suites, `build/unit cursor pprof` those named, `build/unit -l` lists them.
 */
#pragma once

#include <CUnit/CUnit.h>

struct unit_suite {
	const char *name;
	CU_TestInfo *tests;
	struct unit_suite *next;
};

void unit_add(struct unit_suite *suite);

#define SUITE(stem, ...)                                                                           \
	static CU_TestInfo suite_tests_##stem[] = {__VA_ARGS__, CU_TEST_INFO_NULL};                \
	static struct unit_suite suite_info_##stem = {.name = #stem, .tests = suite_tests_##stem}; \
	__attribute__((constructor)) static void suite_register_##stem(void)                       \
	{                                                                                          \
		unit_add(&suite_info_##stem);                                                      \
	}                                                                                          \
	_Static_assert(1, "takes the semicolon")
