/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/guard.h"
#include "common/memory.h"

/* The directory of `path` as "" or "…/". */
static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *directory = strndup(path, slash ? (size_t)(slash - path) + 1 : 0);
	if (!directory)
		memory_exhausted();
	return directory;
}

static bool is_special(const struct stat *st)
{
	return !S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode);
}

int output_file_look(const char *path, bool replace)
{
	struct stat st;
	const bool exists = !lstat(path, &st);
	const bool leads = exists && !stat(path, &st); /* else a link to nothing */
	if (leads && S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!*path || path[strlen(path) - 1] == '/')
		return -EINVAL;
	if (leads && is_special(&st))
		return access(path, W_OK) ? -errno : OUTPUT_FILE_SPECIAL;
	return exists && !replace ? -EEXIST : OUTPUT_FILE_NONE;
}

/* As of the file whose place it takes; NULL: as of any new one. Where that fails 0600 does no
 * harm. */
static void set_mode(int fd, const struct stat *old)
{
	mode_t mask = umask(0);
	umask(mask);
	if (old && !fchown(fd, old->st_uid, old->st_gid))
		(void)!fchmod(fd, old->st_mode & 0777);
	else
		(void)!fchmod(fd, 0666 & ~mask & (old ? old->st_mode : 0777));
}

static int open_hidden(struct output_file *file, const char *directory, const struct stat *old)
{
	char *made guard_mem = NULL;
	if (asprintf(&made, "%s.probe-XXXXXX", directory) < 0)
		memory_exhausted();
	file->fd = mkostemp(made, O_CLOEXEC);
	if (file->fd < 0)
		return -errno;
	set_mode(file->fd, old);
	file->temporary = steal_ptr(made);
	return 0;
}

int output_file_open(struct output_file *file, const char *path, bool replace)
{
	struct stat st;
	const bool exists = !stat(path, &st);
	*file = (struct output_file){.fd = -1};
	if (exists && is_special(&st)) {
		file->special = true;
		file->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
		return file->fd < 0 ? -errno : 0;
	}
	if (replace && exists) { /* not the link to it, such as /dev/stdout */
		file->place = realpath(path, NULL);
		if (!file->place)
			return -errno;
		path = file->place;
	}
	char *directory guard_mem = directory_of(path);
	/* Only a rename can replace, and only what has a name can be renamed. */
	if (!replace)
		file->fd =
			open(*directory ? directory : ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
	if (file->fd >= 0)
		return 0;
	return open_hidden(file, directory, exists && S_ISREG(st.st_mode) ? &st : NULL);
}

/* rename() that does not replace, also where the file system knows no such flag. */
static int rename_new(const char *from, const char *to)
{
	if (!renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL)
		return -errno;
	if (link(from, to))
		return -errno;
	unlink(from);
	return 0;
}

static int name_it(const struct output_file *file, const char *path, bool replace)
{
	if (replace)
		return rename(file->temporary, path) ? -errno : 0;
	if (file->temporary)
		return rename_new(file->temporary, path);
	char self[64];
	snprintf(self, sizeof(self), "/proc/self/fd/%d", file->fd);
	return linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) ? -errno : 0;
}

int output_file_place(struct output_file *file, const char *path, bool replace)
{
	int copy = fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0 || close(copy)) /* some file systems say only here that the disk is full */
		return -errno;
	int code = file->special ? 0 : name_it(file, file->place ? file->place : path, replace);
	if (code < 0)
		return code;
	free(steal_ptr(file->temporary));
	free(steal_ptr(file->place));
	close(steal_fd(file->fd));
	return 0;
}

void output_file_deinit(struct output_file *file)
{
	guard_close(&file->fd);
	if (file->temporary)
		unlink(file->temporary);
	free(file->temporary);
	free(file->place);
	*file = (struct output_file){.fd = -1};
}

int output_file_failed(const char *path, int code, struct err *err)
{
	switch (code) {
	case -EEXIST:
		err_set(err, code, ERR_FAILED, "%s exists", path);
		err_hint(err, "choose another name, or replace it with --force");
		return code;
	case -EISDIR:
		return err_set(err, code, ERR_FAILED, "%s is a directory", path);
	case -EINVAL:
		return err_set(err, code, ERR_USAGE, "\"%s\" is no name of a file", path);
	default:
		return err_set(err, code, ERR_FAILED, "cannot write %s: %s",
			       path ? path : "to standard output", strerror(-code));
	}
}
