/* SPDX-License-Identifier: Apache-2.0 */
/* The administrator's file: what is read, and what is refused by its line. */
#include "daemon/config.h"
#include "common/err.h"
#include "common/guard.h"
#include "tests/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_text(const char *text, struct config *config, struct err *err)
{
	char path[] = "/tmp/probe-test-XXXXXX";
	int fd guard_fd = mkstemp(path);
	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	config_init(config);
	*err = (struct err){0};
	int code = config_read(config, path, err);
	unlink(path);
	return code;
}

static void reads_limits(void)
{
	struct config config;
	struct err err;
	CU_ASSERT_EQUAL(read_text("", &config, &err), 0);
	CU_ASSERT(config.recordings == 64 && config.recordings_per_uid == 32);
	CU_ASSERT_EQUAL(read_text("# why\n[limits]\nrecordings = 10\n\nrecordings_per_uid=3 ; x\n",
				  &config, &err),
			0);
	CU_ASSERT(config.recordings == 10 && config.recordings_per_uid == 3);
}

static void reads_who(void)
{
	struct config config;
	struct err err;
	CU_ASSERT_EQUAL(read_text("", &config, &err), 0);
	CU_ASSERT(config.who == CONFIG_EVERYBODY && config.off_cpu);
	CU_ASSERT_EQUAL(read_text("[access]\nwho = group\ngroup = root\n[limits]\noff_cpu = no\n",
				  &config, &err),
			0);
	CU_ASSERT(config.who == CONFIG_GROUP_ONLY && !config.off_cpu);
	CU_ASSERT_EQUAL(config.group, 0);
	CU_ASSERT_STRING_EQUAL(config.group_name, "root");
	CU_ASSERT_EQUAL(read_text("[access]\ngroup = none\nwho = root\n", &config, &err), 0);
	CU_ASSERT(config.who == CONFIG_ROOT_ONLY && config.group == CONFIG_NO_GROUP);
}

static void write_file(const char *path, const char *text)
{
	FILE *file guard_file = fopen(path, "we");
	CU_ASSERT(file && fputs(text, file) >= 0);
}

/* FILE.d after FILE, in the order of names, and a mistake there by its own name. */
static void reads_parts(void)
{
	char directory[] = "/tmp/probe-test-XXXXXX", path[64], parts[64];
	CU_ASSERT_PTR_NOT_NULL(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/c", directory);
	snprintf(parts, sizeof(parts), "%s/c.d", directory);
	CU_ASSERT_EQUAL(mkdir(parts, 0755), 0);
	static const char *const names[] = {"2.conf", "1.conf", "3.txt", ".4.conf"};
	static const char *const texts[] = {"[limits]\nrecordings = 2\n",
					    "[limits]\nrecordings = 1\nfrequency = 99\n",
					    "[limits]\nrecordings = 3\n", "nonsense\n"};
	char part[4][80];
	write_file(path, "[limits]\nrecordings = 9\nrecordings_per_uid = 5\n");
	for (int i = 0; i < 4; i++) {
		snprintf(part[i], sizeof(part[i]), "%s/%s", parts, names[i]);
		write_file(part[i], texts[i]);
	}
	struct config config;
	struct err err = {0};
	config_init(&config);
	CU_ASSERT_EQUAL(config_read(&config, path, &err), 0);
	CU_ASSERT(config.recordings == 2 && config.frequency == 99 &&
		  config.recordings_per_uid == 5);
	write_file(part[1], "[limits]\nrecordings = 1\nfrequency = often\n");
	CU_ASSERT_EQUAL(config_read(&config, path, &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "/c.d/1.conf:3: frequency is a number from 1 to"));
	for (int i = 0; i < 4; i++)
		unlink(part[i]);
	unlink(path);
	rmdir(parts);
	CU_ASSERT_EQUAL(rmdir(directory), 0);
}

/* A file that cannot be read to its end is not one that allows everything. */
static void refuses_what_it_cannot_read(void)
{
	struct config config;
	struct err err = {0};
	config_init(&config);
	CU_ASSERT_EQUAL(config_read(&config, "/tmp", &err), -EIO);
	CU_ASSERT_STRING_EQUAL(err.msg, "cannot read /tmp: Is a directory");
}

/* What is printed is a file that says the same. */
static void prints_what_it_reads(void)
{
	struct config config, again;
	struct err err;
	CU_ASSERT_EQUAL(read_text("[access]\nwho = root\ngroup = none\n[limits]\nfrequency = 77\n",
				  &config, &err),
			0);
	char *text guard_mem = NULL;
	size_t n;
	FILE *file = open_memstream(&text, &n);
	config_print(&config, file);
	fclose(file);
	CU_ASSERT_EQUAL(read_text(text, &again, &err), 0);
	CU_ASSERT_EQUAL(memcmp(&config, &again, sizeof(config)), 0);
}

static void refuses_by_line(void)
{
	static const struct {
		const char *text, *words;
	} bad[] = {
		{"[limits]\nrecordings = 0\n", ":2: recordings is a number from 1 to 64"},
		{"[limits]\nrecordings = 65\n", ":2: recordings is a number from 1 to 64"},
		{"[limits]\nrecordings = -1\n", ":2: recordings is a number from 1 to 64"},
		{"[limits]\nrecordings = 4x\n", ":2: recordings is a number from 1 to 64"},
		{"[limits]\nrecordings =\n", ":2: recordings is a number from 1 to 64"},
		{"[limits]\nrecordings = 99999999999999999999\n", ":2: recordings is a number"},
		{"[limits]\n\nspeed = 7\n", ":3: [limits] has no speed"},
		{"recordings = 7\n", ":1: recordings is in no section"},
		{"[other]\nrecordings = 7\n", ":2: [other] has no recordings"},
		{"[access]\nwho = users\n", ":2: who is one of everybody, group, root"},
		{"[access]\ngroup = no-such-group\n", ":2: there is no group no-such-group"},
		{"[limits]\noff_cpu = 1\n", ":2: off_cpu is one of no, yes"},
		{"recordings\n", ":1: neither [section] nor key = value"},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct config config;
		struct err err;
		CU_ASSERT_EQUAL(read_text(bad[i].text, &config, &err), -EINVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, bad[i].words));
		CU_ASSERT_EQUAL(err.status, ERR_USAGE);
		CU_ASSERT_EQUAL(config.recordings, 64); /* as it was */
	}
	struct config config;
	struct err err = {0};
	config_init(&config);
	CU_ASSERT_EQUAL(config_read(&config, "/nowhere/at/all", &err), -ENOENT);
	CU_ASSERT_EQUAL(err.status, ERR_USAGE);
}

SUITE(config, {"reads limits", reads_limits}, {"reads who", reads_who},
      {"reads parts", reads_parts}, {"prints what it reads", prints_what_it_reads},
      {"refuses by line", refuses_by_line},
      {"refuses what it cannot read", refuses_what_it_cannot_read});
