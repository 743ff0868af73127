/* SPDX-License-Identifier: Apache-2.0 */
#include "common/path.h"

#include "common/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash && slash[1] ? slash + 1 : path;
}

bool path_has_prefix(const char *path, const char *prefix)
{
	return !strncmp(path, prefix, strlen(prefix));
}

bool path_has_suffix(const char *path, const char *suffix)
{
	size_t n = strlen(path), m = strlen(suffix);
	return n > m && !strcmp(path + n - m, suffix);
}

int path_find_program(char path[PATH_MAX], const char *name, struct err *err)
{
	static const char *const places[] = {"", "../sbin/", "../libexec/probe/"};
	char self[PATH_MAX - 64];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n < 0)
		return err_set(err, -errno, ERR_FAILED, "cannot read /proc/self/exe: %s",
			       strerror(errno));
	self[n] = '\0';
	strrchr(self, '/')[1] = '\0'; /* the kernel gives an absolute path */
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		int length = snprintf(path, PATH_MAX, "%s%s%s", self, places[i], name);
		if (length < PATH_MAX && !access(path, X_OK))
			return 0;
	}
	err_set(err, -ENOENT, ERR_FAILED, "%s was not found: it belongs into %s", name, self);
	err_hint(err, "build or install all of probe");
	return -ENOENT;
}
