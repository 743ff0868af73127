/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config.h"

#include <errno.h>
#include <ini.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/types.h"
#include "common/err.h"
#include "common/guard.h"

void config_init(struct config *config)
{
	*config =
		(struct config){.recordings = SESSIONS_MAX, .recordings_per_uid = SESSIONS_MAX / 2};
}

static const struct {
	const char *section, *key;
	size_t offset;
	uint32_t least, most;
} keys[] = {
	{"limits", "recordings", offsetof(struct config, recordings), 1, SESSIONS_MAX},
	{"limits", "recordings_per_uid", offsetof(struct config, recordings_per_uid), 1,
	 SESSIONS_MAX},
};

/* What is read, and why reading ended. */
struct reading {
	struct config config;
	char problem[200];
};

static int set(struct reading *reading, size_t i, const char *value)
{
	char *end;
	errno = 0;
	unsigned long number = strtoul(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end || errno || number < keys[i].least ||
	    number > keys[i].most) {
		snprintf(reading->problem, sizeof(reading->problem), "%s is a number from %u to %u",
			 keys[i].key, keys[i].least, keys[i].most);
		return 0;
	}
	uint32_t checked = (uint32_t)number;
	memcpy((char *)&reading->config + keys[i].offset, &checked, sizeof(checked));
	return 1;
}

/* For inih: 0 ends with this line's number. */
static int on_pair(void *user, const char *section, const char *name, const char *value)
{
	struct reading *reading = user;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strcmp(section, keys[i].section) && !strcmp(name, keys[i].key))
			return set(reading, i, value);
	snprintf(reading->problem, sizeof(reading->problem), "[%.50s] has no %.50s", section, name);
	return 0;
}

int config_read(struct config *config, const char *path, struct err *err)
{
	struct reading reading = {.config = *config};
	FILE *file guard_file = fopen(path ? path : CONFIG_PATH, "re");
	if (!file && !path && errno == ENOENT)
		return 0;
	if (!file)
		return err_set(err, -errno, ERR_USAGE, "cannot open %s: %s",
			       path ? path : CONFIG_PATH, strerror(errno));
	int line = ini_parse_file(file, on_pair, &reading);
	if (line)
		return err_set(err, -EINVAL, ERR_USAGE, "%s:%d: %s", path ? path : CONFIG_PATH,
			       line > 0 ? line : 0,
			       reading.problem[0] ? reading.problem
						  : "neither [section] nor key = "
						    "value");
	*config = reading.config;
	return 0;
}
