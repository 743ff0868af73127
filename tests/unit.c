/* SPDX-License-Identifier: Apache-2.0 */
/* The runner of the unit tests: see unit.h. */
#include "tests/unit.h"

#include <CUnit/Basic.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct unit_suite *suites;

void unit_add(struct unit_suite *suite)
{
	suite->next = suites;
	suites = suite;
}

static bool wanted(const char *name, int n, char **names)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(name, names[i]))
			return true;
	return !n;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "-l")) {
		for (struct unit_suite *s = suites; s; s = s->next)
			puts(s->name);
		return 0;
	}
	alarm(900);
	/* What runs the tests may ignore them (nohup, a shell in the background). */
	signal(SIGHUP, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	CU_initialize_registry();
	for (struct unit_suite *s = suites; s; s = s->next) {
		CU_SuiteInfo info[] = {{.pName = s->name, .pTests = s->tests}, CU_SUITE_INFO_NULL};
		if (wanted(s->name, argc - 1, argv + 1) && CU_register_suites(info) != CUE_SUCCESS)
			return 2;
	}
	CU_basic_set_mode(CU_BRM_NORMAL);
	CU_basic_run_tests();
	unsigned failed = CU_get_number_of_failures() + (CU_get_number_of_tests_run() == 0);
	CU_cleanup_registry();
	return failed ? 1 : 0;
}
