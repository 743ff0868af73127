/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/newest.h"

#include "cli/errors.h"
#include "common/array.h"
#include "common/err.h"
#include "common/guard.h"
#include "common/pprof.h"
#include "common/profile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

struct candidate {
	char name[NEWEST_NAME];
	struct timespec time;
};
struct candidates {
	struct candidate *at;
	uint32_t n, room;
};

static bool is_candidate(const char *name)
{
	size_t n = strlen(name);
	return n > 6 && n < NEWEST_NAME && !strcmp(name + n - 6, ".pb.gz");
}

static int newer_first(const void *left, const void *right)
{
	const struct candidate *a = left, *b = right;
	if (a->time.tv_sec != b->time.tv_sec)
		return a->time.tv_sec > b->time.tv_sec ? -1 : 1;
	if (a->time.tv_nsec != b->time.tv_nsec)
		return a->time.tv_nsec > b->time.tv_nsec ? -1 : 1;
	return strcmp(b->name, a->name);
}

static void list(DIR *directory, struct candidates *candidates)
{
	struct dirent *entry;
	while ((entry = readdir(directory))) {
		struct stat stat;
		if (!is_candidate(entry->d_name) ||
		    fstatat(dirfd(directory), entry->d_name, &stat, 0) < 0 ||
		    !S_ISREG(stat.st_mode))
			continue;
		struct candidate *candidate = array_add(candidates);
		memcpy(candidate->name, entry->d_name, strlen(entry->d_name) + 1);
		candidate->time = stat.st_mtim;
	}
	if (candidates->n)
		qsort(candidates->at, candidates->n, sizeof(*candidates->at), newer_first);
}

/* 0 and *profile: of ours; 0 and NULL: another profiler's; negative errno with words. */
static int read_ours(int directory, const char *name, struct profile **profile, struct err *err)
{
	guard_fd int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return err_set(err, -errno, ERR_FAILED, "%s: %s", name, strerror(errno));
	struct profile *read = NULL;
	int result = pprof_read(fd, name, &read, err);
	if (result < 0)
		return result;
	if (!read->info) {
		profile_free(read);
		return 0;
	}
	*profile = read;
	return 0;
}

static void guard_closedir(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

/* The names of up to `n` of ours, the newest first, and the newest one; how many there are, or
 * negative errno with words. */
static int read_newest(const char *path, char (*names)[NEWEST_NAME], int n,
		       struct profile **profile, struct err *err)
{
	DIR *directory guard(guard_closedir) = opendir(path);
	if (!directory)
		return err_set(err, -errno, ERR_FAILED, "%s: %s", path, strerror(errno));
	struct candidates candidates = {0};
	list(directory, &candidates);
	guard_mem struct candidate *owned = candidates.at;
	int found = 0;
	for (uint32_t i = 0; i < candidates.n && found < n; i++) {
		struct err why = {0};
		struct profile *read = NULL;
		if (read_ours(dirfd(directory), owned[i].name, &read, &why) < 0)
			errors_note("passed over: %s", why.msg);
		if (!read)
			continue;
		memcpy(names[found], owned[i].name, NEWEST_NAME);
		if (found++)
			profile_free(read);
		else
			*profile = read;
	}
	return found;
}

int newest_read(const char *path, char name[NEWEST_NAME], struct profile **profile, struct err *err)
{
	char names[1][NEWEST_NAME];
	int found = read_newest(path, names, 1, profile, err);
	if (found > 0)
		memcpy(name, names[0], NEWEST_NAME);
	if (found)
		return found < 0 ? found : 0;
	err_set(err, -ENOENT, ERR_FAILED, "no profile of probe in the current directory (*.pb.gz)");
	err_hint(err, "name a file, or make one: `probe record -p PID 10s`");
	return -ENOENT;
}

int newest_two(const char *path, char names[2][NEWEST_NAME], struct err *err)
{
	char found_names[2][NEWEST_NAME];
	struct profile *newest = NULL;
	int found = read_newest(path, found_names, 2, &newest, err);
	profile_free(newest);
	if (found < 0)
		return found;
	if (found < 2) {
		err_set(err, -ENOENT, ERR_FAILED,
			"there are not two profiles of probe in the current directory (*.pb.gz)");
		err_hint(err, "name them: `probe diff before.pb.gz after.pb.gz`");
		return -ENOENT;
	}
	memcpy(names[0], found_names[1], NEWEST_NAME);
	memcpy(names[1], found_names[0], NEWEST_NAME);
	return 0;
}
