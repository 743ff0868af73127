/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"
#include "common/guard.h"
#include "common/limits.h"
#include "common/memory.h"
#include "cli/output_gzip.h"

enum {
	SAME_SECOND_MOST = 1000 /* default names tried before giving up */
};

int output_profile_add(struct output_profile *profile, const void *data, size_t bytes)
{
	if (bytes > LIMIT_PROFILE_BYTES - profile->bytes)
		return -EFBIG;
	profile->zstd = memory_grow(profile->zstd, &profile->room, profile->bytes + bytes, 1);
	if (bytes)
		memcpy(profile->zstd + profile->bytes, data, bytes);
	profile->bytes += bytes;
	return 0;
}

void output_profile_deinit(struct output_profile *profile)
{
	free(profile->zstd);
	*profile = (struct output_profile){0};
}

/* Letters, digits and a few signs are the same for every shell, file system and URL. */
static void add_sanitized(char *out, size_t room, const char *name)
{
	size_t n = strnlen(out, room);
	for (; *name && n + 1 < room; name++) {
		bool plain = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
			     (*name >= '0' && *name <= '9') || strchr("_+", *name);
		bool inner = n && strchr(".-", *name); /* no hidden file, no option */
		out[n++] = plain || inner ? *name : '_';
	}
	out[n] = '\0';
}

void output_make_name(char *out, size_t room, const struct output_name *name, unsigned n)
{
	char words[64] = "", pid[16] = "", when[32] = "", again[16] = "";
	add_sanitized(words, sizeof(words), name->name && name->name[0] ? name->name : "probe");
	if (name->pid)
		snprintf(pid, sizeof(pid), "-%u", name->pid);
	time_t seconds = name->time_s;
	struct tm tm;
	if (gmtime_r(&seconds, &tm))
		strftime(when, sizeof(when), "-%Y%m%dT%H%M%SZ", &tm);
	if (n > 1)
		snprintf(again, sizeof(again), "-%u", n);
	snprintf(out, room, "%s%s%s%s.pb.gz", words, pid, when, again);
}

/* The directory of `path` as "" or "…/". */
static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return strndup(path, slash ? (size_t)(slash - path) + 1 : 0);
}

/* A hidden new file beside `path`, to be renamed. Its name (new) in *name. */
static int open_beside(const char *path, char **name)
{
	char *directory guard_mem = directory_of(path);
	char *made guard_mem = NULL;
	if (!directory || asprintf(&made, "%s.probe-XXXXXX", directory) < 0)
		memory_exhausted();
	int fd = mkostemp(made, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	mode_t mask = umask(0);
	umask(mask);
	(void)!fchmod(fd, 0666 & ~mask); /* as any new file; where that fails 0600 does no harm */
	*name = steal_ptr(made);
	return fd;
}

static int check_stdout(struct err *err)
{
	if (fcntl(STDOUT_FILENO, F_GETFD) < 0)
		return err_set(err, -EBADF, ERR_FAILED, "standard output is closed");
	if (!isatty(STDOUT_FILENO))
		return 0;
	err_set(err, -EINVAL, ERR_USAGE, "a profile is binary: not written to a terminal");
	err_hint(err, "-o FILE, or a pipe");
	return -EINVAL;
}

/* Not a file to be replaced: a pipe, a terminal, /dev/null. */
static bool is_special(const struct stat *st)
{
	return !S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode);
}

static int check_existing(const struct output *output, const struct stat *st, struct err *err)
{
	if (S_ISDIR(st->st_mode))
		return err_set(err, -EISDIR, ERR_FAILED, "%s is a directory", output->path);
	if (is_special(st)) {
		if (access(output->path, W_OK))
			return err_set(err, -errno, ERR_FAILED, "cannot write %s: %s", output->path,
				       strerror(errno));
		return 0;
	}
	if (output->force)
		return 0;
	err_set(err, -EEXIST, ERR_FAILED, "%s exists", output->path);
	err_hint(err, "--force replaces it; without -o a new name is made");
	return -EEXIST;
}

int output_check(const struct output *output, struct err *err)
{
	if (output_is_stdout(output))
		return check_stdout(err);
	const char *path = output->path ? output->path : "";
	struct stat st;
	if (*path && !stat(path, &st)) {
		int code = check_existing(output, &st, err);
		if (code < 0 || is_special(&st))
			return code;
	}
	const char *slash = strrchr(path, '/');
	if (output->path && !(slash ? slash[1] : path[0]))
		return err_set(err, -EINVAL, ERR_USAGE, "-o: \"%s\" is no name of a file", path);
	char *name guard_mem = NULL;
	int fd guard_fd = open_beside(path, &name);
	if (fd >= 0) {
		unlink(name);
		return 0;
	}
	if (output->path)
		return err_set(err, fd, ERR_FAILED, "cannot write %s: %s", path, strerror(-fd));
	err_set(err, fd, ERR_FAILED, "cannot write to the current directory: %s", strerror(-fd));
	err_hint(err, "-o FILE");
	return fd;
}

/* rename() that does not replace, also where the file system knows no such flag. */
static int move(const char *from, const char *to, bool replace)
{
	if (replace)
		return rename(from, to) ? -errno : 0;
	if (!renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL)
		return -errno;
	if (link(from, to))
		return -errno;
	unlink(from);
	return 0;
}

static int write_to(int fd, const struct output_profile *profile, uint64_t *bytes)
{
	return output_gzip_write(profile->zstd, profile->bytes, fd, bytes);
}

/* The whole file beside `path`; its temporary name (new) in *name. Nothing is left on failure. */
static int write_beside(const char *path, const struct output_profile *profile, char **name,
			uint64_t *bytes)
{
	char *made guard_mem = NULL;
	int fd = open_beside(path, &made);
	if (fd < 0)
		return fd;
	int code = write_to(fd, profile, bytes);
	if (close(fd) && code >= 0)
		code = -errno;
	if (code < 0)
		unlink(made);
	else
		*name = steal_ptr(made);
	return code;
}

static int save_as(const char *path, bool replace, const struct output_profile *profile,
		   uint64_t *bytes)
{
	char *temporary guard_mem = NULL;
	int code = write_beside(path, profile, &temporary, bytes);
	if (code < 0)
		return code;
	code = move(temporary, path, replace);
	if (code < 0)
		unlink(temporary);
	return code;
}

/* Under the first free default name in `directory` ("" or ending in '/'). */
static int save_named(const char *directory, const struct output_profile *profile,
		      const struct output_name *name, char **path, uint64_t *bytes)
{
	char *temporary guard_mem = NULL;
	int code = write_beside(directory, profile, &temporary, bytes);
	if (code < 0)
		return code;
	for (unsigned n = 1; n <= SAME_SECOND_MOST; n++) {
		char file[256], *whole guard_mem = NULL;
		output_make_name(file, sizeof(file), name, n);
		if (asprintf(&whole, "%s%s", directory, file) < 0)
			memory_exhausted();
		code = move(temporary, whole, false);
		if (!code) {
			*path = steal_ptr(whole);
			return 0;
		}
		if (code != -EEXIST)
			break;
	}
	unlink(temporary);
	return code;
}

static int save_special(const char *path, const struct output_profile *profile, uint64_t *bytes)
{
	int fd guard_fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 ? -errno : write_to(fd, profile, bytes);
}

static int save_where_asked(const struct output *output, const struct output_profile *profile,
			    const struct output_name *name, char **path, uint64_t *bytes)
{
	if (!output->path)
		return save_named("", profile, name, path, bytes);
	struct stat st;
	int code;
	if (output_is_stdout(output))
		code = write_to(STDOUT_FILENO, profile, bytes);
	else if (!stat(output->path, &st) && is_special(&st))
		code = save_special(output->path, profile, bytes);
	else
		code = save_as(output->path, output->force, profile, bytes);
	if (code < 0)
		return code;
	*path = strdup(output->path);
	if (!*path)
		memory_exhausted();
	return 0;
}

int output_save(const struct output *output, const struct output_profile *profile,
		const struct output_name *name, char **path, uint64_t *bytes, struct err *err)
{
	int code = save_where_asked(output, profile, name, path, bytes);
	if (code >= 0)
		return OUTPUT_SAVED;
	if (code == -EBADMSG)
		return err_set(err, code, ERR_FAILED, "the profile arrived damaged");
	if (code == -EPIPE)
		return code;
	const char *asked = output->path ? output->path : "to the current directory";
	err_set(err, code, ERR_FAILED, "cannot write %s: %s",
		output_is_stdout(output) ? "to standard output" : asked, strerror(-code));
	const char *tmp = getenv("TMPDIR");
	char *directory guard_mem = NULL;
	if (asprintf(&directory, "%s/", tmp && *tmp ? tmp : "/tmp") < 0)
		memory_exhausted();
	int elsewhere = save_named(directory, profile, name, path, bytes);
	if (elsewhere < 0) {
		err_hint(err, "%s could not be written either (%s): the profile is lost", directory,
			 strerror(-elsewhere));
		return code;
	}
	err_hint(err, "the profile is saved in %s", *path);
	return OUTPUT_SAVED_ELSEWHERE;
}
