/* SPDX-License-Identifier: Apache-2.0 */
/* The diary: whole lines, and never a wait. */
#include "daemon/audit.h"
#include "common/guard.h"
#include "tests/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* With a stderr that nobody reads until it is full. */
static void write_diary(int reader)
{
	char name[1000];
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	audit_line("uid %d records %s", 7, name); /* cut */
	for (int i = 0; i < 10000; i++)
		audit_line("line %d", i);
	static char sink[1 << 20];
	(void)!read(reader, sink, sizeof(sink));
	audit_line("the last one");
}

static void never_waits(void)
{
	int pair[2] = {-1, -1};
	CU_ASSERT_EQUAL(pipe2(pair, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(pair[1], STDERR_FILENO);
		write_diary(pair[0]);
		_exit(0);
	}
	int status = -1;
	waitpid(pid, &status, 0);
	CU_ASSERT_EQUAL(status, 0);
	close(pair[1]);
	FILE *file guard_file = fdopen(pair[0], "r");
	char line[1024] = "";
	CU_ASSERT_PTR_NOT_NULL(fgets(line, sizeof(line), file));
	int lost = 0;
	CU_ASSERT_EQUAL(sscanf(line, "probed: %d lines were lost", &lost), 1);
	CU_ASSERT(lost > 0 && lost < 10000);
	CU_ASSERT_PTR_NOT_NULL(fgets(line, sizeof(line), file));
	CU_ASSERT_STRING_EQUAL(line, "probed: the last one\n");
	CU_ASSERT_PTR_NULL(fgets(line, sizeof(line), file));
}

static void cuts_lines(void)
{
	int pair[2] = {-1, -1};
	CU_ASSERT_EQUAL(pipe2(pair, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(pair[1], STDERR_FILENO);
		audit_line("%01000d", 7);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	close(pair[1]);
	char line[1024] = "";
	ssize_t n = read(pair[0], line, sizeof(line) - 1);
	close(pair[0]);
	CU_ASSERT(n > 400 && n < 600);
	CU_ASSERT(!strncmp(line, "probed: 000", 11));
	CU_ASSERT_EQUAL(line[n - 1], '\n');
}

SUITE(audit, {"never waits", never_waits}, {"cuts lines", cuts_lines});
