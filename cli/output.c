/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"
#include "common/guard.h"
#include "common/limits.h"
#include "common/memory.h"
#include "common/path.h"
#include "cli/output_file.h"
#include "cli/output_write.h"

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
	snprintf(out, room, "%s%s%s%s%s", words, pid, when, again, name->suffix);
}

static int check_stdout(const struct output *output, struct err *err)
{
	if (fcntl(STDOUT_FILENO, F_GETFD) < 0)
		return err_set(err, -EBADF, ERR_FAILED, "standard output is closed");
	if (output->format || !isatty(STDOUT_FILENO))
		return 0;
	err_set(err, -EINVAL, ERR_USAGE, "a profile is binary: not written to a terminal");
	err_hint(err, "-o FILE, or a pipe");
	return -EINVAL;
}

int output_check(const struct output *output, struct err *err)
{
	if (output_is_stdout(output))
		return check_stdout(output, err);
	const char *path = output->path ? output->path : "";
	struct output_file file guard(output_file_deinit) = {.fd = -1};
	int code = output->path ? output_file_look(path, output->force) : OUTPUT_FILE_NONE;
	if (code == OUTPUT_FILE_NONE)
		code = output_file_open(&file, path, output->force);
	if (code >= 0)
		return 0;
	if (output->path)
		return output_file_failed(path, code, err);
	err_set(err, code, ERR_FAILED, "cannot write to the current directory: %s",
		strerror(-code));
	err_hint(err, "-o FILE");
	return code;
}

/* One wish to save: where to is the caller's matter. */
struct saving {
	const struct output *output;
	const struct output_profile *profile;
	const struct output_name *name;
	uint64_t *bytes;
	struct err *err;
};

static int write_to(const struct saving *saving, const char *path, int fd)
{
	return output_write(saving->output->format, saving->profile, path_base(path), fd,
			    saving->bytes, saving->err);
}

static int save_as(const struct saving *saving, const char *path)
{
	bool replace = saving->output->force;
	struct output_file file guard(output_file_deinit) = {.fd = -1};
	int code = output_file_open(&file, path, replace);
	if (code >= 0)
		code = write_to(saving, path, file.fd);
	return code < 0 ? code : output_file_place(&file, path, replace);
}

static char *path_in(const char *directory, const struct output_name *name, unsigned n)
{
	char file[256], *path = NULL;
	output_make_name(file, sizeof(file), name, n);
	if (asprintf(&path, "%s%s", directory, file) < 0)
		memory_exhausted();
	return path;
}

/* Under the first free default name in `directory` ("" or ending in '/'). */
static int save_named(const struct saving *saving, const char *directory, char **path)
{
	char *first guard_mem = path_in(directory, saving->name, 1);
	struct output_file file guard(output_file_deinit) = {.fd = -1};
	int code = output_file_open(&file, first, false);
	if (code >= 0)
		code = write_to(saving, first, file.fd);
	if (code < 0)
		return code;
	code = -EEXIST;
	for (unsigned n = 1; n <= SAME_SECOND_MOST && code == -EEXIST; n++) {
		char *whole guard_mem = path_in(directory, saving->name, n);
		code = output_file_place(&file, whole, false);
		if (!code)
			*path = steal_ptr(whole);
	}
	return code;
}

static int save_where_asked(const struct saving *saving, char **path)
{
	const char *asked = saving->output->path;
	if (!asked)
		return save_named(saving, "", path);
	int code = output_is_stdout(saving->output)
			   ? write_to(saving, "standard output", STDOUT_FILENO)
			   : save_as(saving, asked);
	if (code < 0)
		return code;
	*path = strdup(asked);
	if (!*path)
		memory_exhausted();
	return 0;
}

int output_save(const struct output *output, const struct output_profile *profile,
		const struct output_name *name, char **path, uint64_t *bytes, struct err *err)
{
	struct saving saving = {output, profile, name, bytes, err};
	int code = save_where_asked(&saving, path);
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
	int elsewhere = save_named(&saving, directory, path);
	if (elsewhere < 0) {
		err_hint(err, "%s could not be written either (%s): the profile is lost", directory,
			 strerror(-elsewhere));
		return code;
	}
	err_hint(err, "the profile is saved in %s", *path);
	return OUTPUT_SAVED_ELSEWHERE;
}
