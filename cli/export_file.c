/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/export_file.h"

#include "common/err.h"
#include "common/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

/* What a deadly signal has to remove; NULL: nothing. */
static const char *volatile unfinished;

static const int deadly[] = {SIGINT, SIGTERM, SIGHUP};

static void on_deadly(int signal_number)
{
	const char *path = unfinished;
	if (path)
		unlink(path);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

static void set_handlers(void (*handler)(int))
{
	for (size_t i = 0; i < sizeof(deadly) / sizeof(*deadly); i++) {
		struct sigaction old, action = {.sa_handler = handler};
		/* What the caller (nohup) ignores stays ignored. */
		if (!sigaction(deadly[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaction(deadly[i], &action, NULL);
	}
}

static int refuse_existing(const char *path, struct err *err)
{
	err_set(err, -EEXIST, ERR_FAILED, "%s exists", path);
	err_hint(err, "choose another name, or replace it with --force");
	return -EEXIST;
}

static int open_stdout(struct export_file *file, bool binary, struct err *err)
{
	if (binary && isatty(STDOUT_FILENO)) {
		err_set(err, -EINVAL, ERR_USAGE, "binary data is not for a terminal");
		err_hint(err,
			 "name a file with -o FILE, or put a program behind it: `… | PROGRAM`");
		return -EINVAL;
	}
	file->out = stdout;
	return 0;
}

/* A name in the same directory that is hidden and new: ".NAME.XXXXXX". */
static char *temporary_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	int directory = slash ? (int)(slash - path + 1) : 0;
	char *name = NULL;
	if (asprintf(&name, "%.*s.%.200s.XXXXXX", directory, path, path + directory) < 0)
		return NULL;
	return name;
}

/* As of the file whose place it takes; NULL: as of any new one. */
static void set_mode(int fd, const struct stat *old)
{
	mode_t mask = umask(0);
	umask(mask);
	if (old && S_ISREG(old->st_mode) && !fchown(fd, old->st_uid, old->st_gid))
		fchmod(fd, old->st_mode & 0777);
	else
		fchmod(fd, 0666 & ~mask & (old ? old->st_mode : 0777));
}

int export_file_open(struct export_file *file, const char *path, bool force, bool binary,
		     struct err *err)
{
	*file = (struct export_file){.force = force};
	if (!path || !strcmp(path, "-"))
		return open_stdout(file, binary, err);
	struct stat stat;
	bool exists = !lstat(path, &stat);
	if (exists && S_ISDIR(stat.st_mode))
		return err_set(err, -EISDIR, ERR_FAILED, "%s is a directory", path);
	if (exists && !force)
		return refuse_existing(path, err);
	guard_mem char *temporary = temporary_name(path);
	int fd = temporary ? mkostemp(temporary, O_CLOEXEC) : -1;
	if (fd < 0)
		return err_set(err, -errno, ERR_FAILED, "cannot write %s: %s", path,
			       strerror(errno));
	set_mode(fd, exists ? &stat : NULL);
	file->out = fdopen(fd, "w");
	if (!file->out) {
		int code = -errno;
		close(fd);
		unlink(temporary);
		return err_set(err, code, ERR_FAILED, "cannot write %s: %s", path, strerror(-code));
	}
	file->path = path;
	file->temporary = steal_ptr(temporary);
	unfinished = file->temporary;
	set_handlers(on_deadly);
	return 0;
}

static int failed(const struct export_file *file, int code, struct err *err)
{
	const char *name = file->path ? file->path : "to standard output";
	return err_set(err, -code, ERR_FAILED, "cannot write %s: %s", name, strerror(code));
}

int export_file_commit(struct export_file *file, struct err *err)
{
	errno = EIO;
	if (fflush(file->out) || ferror(file->out))
		return failed(file, errno, err);
	if (!file->path)
		return 0;
	FILE *out = steal_ptr(file->out);
	if (fclose(out))
		return failed(file, errno, err);
	unsigned flags = file->force ? 0 : RENAME_NOREPLACE;
	int result = renameat2(AT_FDCWD, file->temporary, AT_FDCWD, file->path, flags);
	if (result && errno == EINVAL) /* a file system that cannot promise it */
		result = rename(file->temporary, file->path);
	if (result && errno == EEXIST)
		return refuse_existing(file->path, err);
	if (result)
		return failed(file, errno, err);
	unfinished = NULL;
	free(steal_ptr(file->temporary));
	return 0;
}

void export_file_deinit(struct export_file *file)
{
	if (file->path && file->out)
		fclose(file->out);
	if (file->temporary) {
		unlink(file->temporary);
		unfinished = NULL;
		free(file->temporary);
	}
	if (file->path)
		set_handlers(SIG_DFL);
	*file = (struct export_file){0};
}
