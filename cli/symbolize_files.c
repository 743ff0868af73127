/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/symbolize_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/symbolize_worker.h"
#include "common/err.h"
#include "common/guard.h"
#include "common/worker.h"

#define DIRECTORY "/usr/lib/debug"

void symbolize_files_id(const uint8_t *id, uint32_t n, char out[SYMBOLIZE_FILES_ID])
{
	*out = 0;
	for (uint32_t i = 0; i < n && i < WORKER_BUILD_ID; i++)
		snprintf(out + 2 * i, 3, "%02x", id[i]);
}

bool symbolize_files_is_id(const char *id)
{
	size_t n = strlen(id);
	return n >= 4 && n < SYMBOLIZE_FILES_ID && n % 2 == 0 &&
	       strspn(id, "0123456789abcdef") == n;
}

int symbolize_files_open(const char *path)
{
	struct stat stat;
	char again[64];
	/* O_PATH first: opening a device or a FIFO would already do something. */
	int named guard_fd = open(path, O_PATH | O_CLOEXEC);
	if (named < 0 || fstat(named, &stat) < 0)
		return -errno;
	if (!S_ISREG(stat.st_mode))
		return -EINVAL;
	snprintf(again, sizeof(again), "/proc/self/fd/%d", named);
	int fd = open(again, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

int symbolize_files_add(struct symbolize_files *files, const char *path, struct err *err)
{
	struct symbolize_worker *worker guard_symbolize_worker = NULL;
	struct worker_opened opened;
	struct err why = {0};
	if (files->n_files == SYMBOLIZE_FILES_MAX)
		return err_set(err, -EINVAL, ERR_USAGE, "more than %d debug files",
			       SYMBOLIZE_FILES_MAX);
	int fd guard_fd = symbolize_files_open(path);
	if (fd < 0)
		return err_set(err, -EINVAL, ERR_FAILED, "%s: %s", path,
			       fd == -EINVAL ? "not a regular file" : strerror(-fd));
	int code = symbolize_worker_start(&worker, err);
	if (code)
		return code;
	if (symbolize_worker_open(worker, fd, &opened, &why))
		return err_set(err, -EINVAL, ERR_FAILED, "%s: %s", path, why.msg);
	if (!opened.n_build_id)
		return err_set(err, -EINVAL, ERR_FAILED, "%s has no build ID", path);
	symbolize_files_id(opened.build_id, opened.n_build_id, files->file[files->n_files].id);
	files->file[files->n_files++].path = path;
	return 0;
}

/* One of those that were named. */
static int find_named(const struct symbolize_files *files, const char *id, char path[PATH_MAX])
{
	for (uint32_t i = 0; i < files->n_files; i++)
		if (!strcmp(files->file[i].id, id)) {
			snprintf(path, PATH_MAX, "%s", files->file[i].path);
			return symbolize_files_open(path);
		}
	return -ENOENT;
}

/* A directory of debug files: those that were named, then the system's; NULL: no more. */
static const char *directory_at(const struct symbolize_files *files, uint32_t i)
{
	return i < files->n_directories	   ? files->directory[i]
	       : i == files->n_directories ? DIRECTORY
					   : NULL;
}

static int find_in(const char *directory, const char *id, char path[PATH_MAX])
{
	int n = snprintf(path, PATH_MAX, "%s/.build-id/%.2s/%s.debug", directory, id, id + 2);
	return n < PATH_MAX ? symbolize_files_open(path) : -ENAMETOOLONG;
}

/* What the client of debuginfod prints: the path of its copy. */
static int read_path(int out, char path[PATH_MAX])
{
	size_t n = 0;
	ssize_t got;
	while (n < PATH_MAX - 1 && (got = read(out, path + n, PATH_MAX - 1 - n)) != 0) {
		if (got < 0 && errno != EINTR)
			return -errno;
		n += got > 0 ? (size_t)got : 0;
	}
	path[n] = 0;
	path[strcspn(path, "\n")] = 0;
	return 0;
}

/* `debuginfod-find debuginfo ID`, which keeps what it fetched in the user's cache. */
static int ask_debuginfod(const char *id, char path[PATH_MAX], struct err *err)
{
	int fds[2], status = 0;
	if (pipe2(fds, O_CLOEXEC))
		return err_set(err, -errno, ERR_FAILED, "cannot make a pipe: %s", strerror(errno));
	int out guard_fd = fds[0], in guard_fd = fds[1];
	pid_t pid = fork();
	if (pid < 0)
		return err_set(err, -errno, ERR_FAILED, "cannot fork: %s", strerror(errno));
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);
		dup2(null, STDIN_FILENO);
		dup2(in, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		execlp("debuginfod-find", "debuginfod-find", "debuginfo", id, (char *)NULL);
		_exit(errno == ENOENT ? 127 : 126);
	}
	close(steal_fd(in));
	int code = read_path(out, path);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
		err_set(err, -ENOENT, ERR_FAILED, "debuginfod-find is not installed");
		err_hint(err, "on Debian: apt install debuginfod");
		return -EIO;
	}
	if (code || !WIFEXITED(status) || WEXITSTATUS(status))
		return -ENOENT;
	return symbolize_files_open(path);
}

int symbolize_files_find(const struct symbolize_files *files, const char *id, char path[PATH_MAX],
			 struct err *err)
{
	const char *directory;
	int fd = find_named(files, id, path);
	for (uint32_t i = 0; fd < 0 && (directory = directory_at(files, i)); i++)
		fd = find_in(directory, id, path);
	if (fd < 0 && files->debuginfod)
		return ask_debuginfod(id, path, err);
	return fd < 0 ? -ENOENT : fd;
}

int symbolize_files_find_alt(const struct symbolize_files *files, const char *id, const char *name,
			     char path[PATH_MAX])
{
	const char *directory;
	int fd = find_named(files, id, path);
	for (uint32_t i = 0;
	     fd < 0 && *name && !strstr(name, "..") && (directory = directory_at(files, i)); i++)
		if (snprintf(path, PATH_MAX, "%s/.dwz/%s", directory, name) < PATH_MAX)
			fd = symbolize_files_open(path);
	return fd < 0 ? symbolize_files_find(files, id, path, NULL) : fd;
}
