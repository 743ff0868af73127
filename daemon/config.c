/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <ini.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/types.h"
#include "common/err.h"
#include "common/guard.h"

enum {
	/* That of the shortest period (broker.h) is less. */
	FREQUENCY_MOST = 1000000,
};

static bool set_group(struct config *config, const char *name)
{
	const struct group *found = getgrnam(name);
	config->group = found ? found->gr_gid : CONFIG_NO_GROUP;
	snprintf(config->group_name, sizeof(config->group_name), "%s", found ? name : "");
	return found;
}

void config_init(struct config *config)
{
	*config = (struct config){
		.recordings = SESSIONS_MAX,
		.recordings_per_uid = SESSIONS_MAX / 2,
		.frequency = FREQUENCY_MOST,
		.frequency_per_uid = 2000,
		.off_cpu = true,
		.recording_mb = 512,
	};
	set_group(config, CONFIG_GROUP);
}

static const char *const who[] = {
	[CONFIG_EVERYBODY] = "everybody",
	[CONFIG_GROUP_ONLY] = "group",
	[CONFIG_ROOT_ONLY] = "root",
	NULL,
};

static const char *const no_yes[] = {"no", "yes", NULL};

static const struct {
	const char *section, *key;
	size_t offset; /* of a uint32_t */
	uint32_t least, most;
	const char *const *words; /* NULL: a number; else one of these, whose place is the value */
} keys[] = {
	{"limits", "recordings", offsetof(struct config, recordings), 1, SESSIONS_MAX},
	{"limits", "recordings_per_uid", offsetof(struct config, recordings_per_uid), 1,
	 SESSIONS_MAX},
	{"limits", "frequency", offsetof(struct config, frequency), 1, FREQUENCY_MOST},
	{"limits", "frequency_per_uid", offsetof(struct config, frequency_per_uid), 1,
	 FREQUENCY_MOST},
	{"limits", "off_cpu", offsetof(struct config, off_cpu), .words = no_yes},
	{"limits", "max_overhead", offsetof(struct config, max_overhead), 0, 100 * CPUS_MAX},
	{"limits", "recording_mb", offsetof(struct config, recording_mb), 1, 1 << 20},
	{"access", "who", offsetof(struct config, who), .words = who},
};

/* What is read, and why reading ended. */
struct reading {
	struct config config;
	char problem[200];
};

static bool read_number(struct reading *reading, size_t i, const char *value, uint32_t *number)
{
	char *end;
	errno = 0;
	unsigned long read = strtoul(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end || errno || read < keys[i].least ||
	    read > keys[i].most) {
		snprintf(reading->problem, sizeof(reading->problem), "%s is a number from %u to %u",
			 keys[i].key, keys[i].least, keys[i].most);
		return false;
	}
	*number = (uint32_t)read;
	return true;
}

static bool read_word(struct reading *reading, size_t i, const char *value, uint32_t *number)
{
	char *at = reading->problem;
	size_t room = sizeof(reading->problem), n;
	n = (size_t)snprintf(at, room, "%s is one of", keys[i].key);
	for (uint32_t word = 0; keys[i].words[word]; word++) {
		if (!strcmp(value, keys[i].words[word])) {
			*number = word;
			return true;
		}
		n += (size_t)snprintf(at + n, room - n, "%s %s", word ? "," : "",
				      keys[i].words[word]);
	}
	return false;
}

static bool set(struct reading *reading, size_t i, const char *value)
{
	uint32_t read = 0;
	if (!(keys[i].words ? read_word : read_number)(reading, i, value, &read))
		return false;
	memcpy((char *)&reading->config + keys[i].offset, &read, sizeof(read));
	return true;
}

static bool read_group(struct reading *reading, const char *value)
{
	if (set_group(&reading->config, value) || !strcmp(value, "none") ||
	    !strcmp(value, CONFIG_GROUP))
		return true;
	snprintf(reading->problem, sizeof(reading->problem), "there is no group %.50s", value);
	return false;
}

/* For inih: 0 ends with this line's number. */
static int on_pair(void *user, const char *section, const char *name, const char *value)
{
	struct reading *reading = user;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strcmp(section, keys[i].section) && !strcmp(name, keys[i].key))
			return set(reading, i, value);
	if (!strcmp(section, "access") && !strcmp(name, "group"))
		return read_group(reading, value);
	if (section[0])
		snprintf(reading->problem, sizeof(reading->problem), "[%.50s] has no %.50s",
			 section, name);
	else
		snprintf(reading->problem, sizeof(reading->problem),
			 "%.50s is in no section: [limits] or [access] comes first", name);
	return 0;
}

static int cannot_open(const char *path, struct err *err)
{
	return err_set(err, -errno, ERR_USAGE, "cannot open %s: %s", path, strerror(errno));
}

static int read_file(struct reading *reading, const char *path, bool may_miss, struct err *err)
{
	FILE *file guard_file = fopen(path, "re");
	if (!file)
		return may_miss && errno == ENOENT ? 0 : cannot_open(path, err);
	int line = ini_parse_file(file, on_pair, reading);
	if (!line && ferror(file)) /* what was not read forbids something, maybe */
		return err_set(err, -EIO, ERR_USAGE, "cannot read %s: %s", path, strerror(errno));
	if (!line)
		return 0;
	return err_set(err, -EINVAL, ERR_USAGE, "%s:%d: %s", path, line > 0 ? line : 0,
		       reading->problem[0] ? reading->problem
					   : "neither [section] nor key = value");
}

static int is_part(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);
	return n > 5 && entry->d_name[0] != '.' && !strcmp(entry->d_name + n - 5, ".conf");
}

static int read_parts(struct reading *reading, const char *path, struct err *err)
{
	char directory[PATH_MAX], part[PATH_MAX + NAME_MAX + 2];
	struct dirent **entries = NULL;
	snprintf(directory, sizeof(directory), "%s.d", path);
	int n = scandir(directory, &entries, is_part, alphasort);
	if (n < 0)
		return errno == ENOENT ? 0 : cannot_open(directory, err);
	int code = 0;
	for (int i = 0; i < n; i++) {
		snprintf(part, sizeof(part), "%s/%s", directory, entries[i]->d_name);
		free(entries[i]);
		if (!code)
			code = read_file(reading, part, false, err);
	}
	free((void *)entries);
	return code;
}

int config_read(struct config *config, const char *path, struct err *err)
{
	struct reading reading = {.config = *config};
	int code = read_file(&reading, path ? path : CONFIG_PATH, !path, err);
	if (!code)
		code = read_parts(&reading, path ? path : CONFIG_PATH, err);
	if (!code)
		*config = reading.config;
	return code;
}

void config_print(const struct config *config, FILE *file)
{
	const char *section = "";
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		uint32_t value;
		memcpy(&value, (const char *)config + keys[i].offset, sizeof(value));
		if (strcmp(section, keys[i].section) != 0)
			fprintf(file, "[%s]\n", keys[i].section);
		section = keys[i].section;
		if (keys[i].words)
			fprintf(file, "%s = %s\n", keys[i].key, keys[i].words[value]);
		else
			fprintf(file, "%s = %u\n", keys[i].key, value);
	}
	fprintf(file, "group = %s\n", config->group_name[0] ? config->group_name : "none");
}
