/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/package.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/guard.h"
#include "common/path.h"

enum {
	LIST_MAX = 16 << 20, /* Debian's longest has 2 MB */
};

static void close_directory(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

/* A list between two line breaks; NULL: not to be read. free() it. */
static char *read_list(int directory, const char *name)
{
	struct stat status;
	int fd guard_fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) || !S_ISREG(status.st_mode) || status.st_size > LIST_MAX)
		return NULL;
	const size_t bytes = (size_t)status.st_size;
	char *text guard_mem = malloc(bytes + 3);
	if (!text || pread(fd, text + 1, bytes, 0) != (ssize_t)bytes)
		return NULL;
	text[0] = text[bytes + 1] = '\n';
	text[bytes + 2] = 0;
	return steal_ptr(text);
}

/* `line`: "\nPATH\n". */
static bool find_line(const char *lists, const char *line, char package[PACKAGE_BYTES])
{
	DIR *directory guard(close_directory) = opendir(lists);
	struct dirent *entry;
	while (directory && (entry = readdir(directory))) {
		const size_t n = strlen(entry->d_name), name = strcspn(entry->d_name, ":");
		if (n <= 5 || strcmp(entry->d_name + n - 5, ".list") != 0)
			continue;
		char *text guard_mem = read_list(dirfd(directory), entry->d_name);
		if (text && strstr(text, line)) {
			snprintf(package, PACKAGE_BYTES, "%.*s", (int)(name < n ? name : n - 5),
				 entry->d_name);
			return true;
		}
	}
	return false;
}

bool package_find(const char *lists, const char *path, char package[PACKAGE_BYTES])
{
	char line[PATH_MAX + 3];
	if (*path != '/' || strlen(path) >= PATH_MAX)
		return false;
	snprintf(line, sizeof(line), "\n%s\n", path);
	if (find_line(lists, line, package))
		return true;
	if (!path_has_prefix(path, "/usr/"))
		return false;
	snprintf(line, sizeof(line), "\n%s\n", path + 4);
	return find_line(lists, line, package);
}

bool package_same_file(unsigned pid, const char *path)
{
	char theirs[PATH_MAX + 32];
	struct stat here, there;
	snprintf(theirs, sizeof(theirs), "/proc/%u/root%s", pid, path);
	return *path == '/' && !stat(path, &here) && !stat(theirs, &there) &&
	       here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

const char *package_of_process(unsigned pid, const char *path, char package[PACKAGE_BYTES])
{
	if (access(PACKAGE_LISTS, R_OK) || !package_same_file(pid, path))
		return NULL;
	if (!package_find(PACKAGE_LISTS, path, package))
		*package = 0;
	return package;
}
