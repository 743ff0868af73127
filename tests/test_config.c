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
		{"[other]\nrecordings = 7\n", ":2: [other] has no recordings"},
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

SUITE(config, {"reads limits", reads_limits}, {"refuses by line", refuses_by_line});
