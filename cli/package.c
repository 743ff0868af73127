/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/package.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/guard.h"
#include "common/path.h"

#define QUERY "/usr/bin/dpkg-query"

enum {
	ANSWER_BYTES = 4096, /* of the lines about two paths */
};

/* Its words on `to`; the path is no pattern. */
static int spawn_query(const char *path, int to, pid_t *pid)
{
	/* In the order of their use: as it is mapped, and without /usr. */
	const char *arguments[] = {"dpkg-query", "--search", "--", path, NULL, NULL};
	char *environment[] = {(char[]){"LC_ALL=C"}, NULL};
	posix_spawn_file_actions_t actions;
	if (path_has_prefix(path, "/usr/"))
		arguments[4] = path + 4;
	if (posix_spawn_file_actions_init(&actions))
		return -ENOMEM;
	int code = posix_spawn_file_actions_adddup2(&actions, to, STDOUT_FILENO);
	code = code ? code
		    : posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
						       O_WRONLY, 0);
	code = code ? code
		    : posix_spawn(pid, QUERY, &actions, NULL, (char *const *)arguments,
				  environment);
	posix_spawn_file_actions_destroy(&actions);
	return -code;
}

/* All that comes is read, what does not fit is dropped. */
static void read_answer(int fd, char answer[ANSWER_BYTES])
{
	char more[512];
	size_t have = 0;
	ssize_t n;
	while ((n = read(fd, more, sizeof(more))) > 0 || (n < 0 && errno == EINTR)) {
		const size_t room = ANSWER_BYTES - 1 - have;
		const size_t taken = n < 0 ? 0 : (size_t)n < room ? (size_t)n : room;
		memcpy(answer + have, more, taken);
		have += taken;
	}
	answer[have] = 0;
}

bool package_parse(const char *answer, char package[PACKAGE_BYTES])
{
	static const char diversion[] = "diversion by ";
	for (const char *line = answer; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const size_t n = strcspn(line, ":,\n");
		if (!n || n >= PACKAGE_BYTES || line[n] == '\n' || !line[n] ||
		    !strncmp(line, diversion, sizeof(diversion) - 1))
			continue;
		snprintf(package, PACKAGE_BYTES, "%.*s", (int)n, line);
		return true;
	}
	return false;
}

bool package_find(const char *path, char package[PACKAGE_BYTES])
{
	char answer[ANSWER_BYTES];
	int from guard_fd = -1, to guard_fd = -1, ends[2];
	pid_t pid = 0;
	if (*path != '/' || strlen(path) >= PATH_MAX || strpbrk(path, "*?[\\") ||
	    pipe2(ends, O_CLOEXEC))
		return false;
	from = ends[0];
	to = ends[1];
	if (spawn_query(path, to, &pid))
		return false;
	close(steal_fd(to));
	read_answer(from, answer);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return package_parse(answer, package);
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
	if (access(QUERY, X_OK) || !package_same_file(pid, path))
		return NULL;
	if (!package_find(path, package))
		*package = 0;
	return package;
}
