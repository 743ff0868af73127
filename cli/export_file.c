/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/export_file.h"

#include "common/err.h"
#include "common/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* What a deadly signal has to remove: a hidden file, "" where there is none. */
static char unfinished[PATH_MAX];

static const int deadly[] = {SIGINT, SIGTERM, SIGHUP};

static void on_deadly(int signal_number)
{
	if (*unfinished)
		unlink(unfinished);
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

int export_file_open(struct export_file *file, const char *path, bool force, bool binary,
		     struct err *err)
{
	*file = (struct export_file){.force = force};
	if (!path || !strcmp(path, "-"))
		return open_stdout(file, binary, err);
	int code = output_file_look(path, force);
	if (code >= 0)
		code = output_file_open(&file->file, path, force);
	if (code < 0)
		return output_file_failed(path, code, err);
	file->path = path;
	if (file->file.temporary) {
		snprintf(unfinished, sizeof(unfinished), "%s", file->file.temporary);
		set_handlers(on_deadly);
	}
	int copy = fcntl(file->file.fd, F_DUPFD_CLOEXEC, 3);
	file->out = copy < 0 ? NULL : fdopen(copy, "w");
	return file->out ? 0 : output_file_failed(path, -errno, err);
}

int export_file_commit(struct export_file *file, struct err *err)
{
	errno = EIO;
	if (fflush(file->out) || ferror(file->out))
		return output_file_failed(file->path, -errno, err);
	if (!file->path)
		return 0;
	FILE *out = steal_ptr(file->out);
	int code = fclose(out) ? -errno : output_file_place(&file->file, file->path, file->force);
	return code < 0 ? output_file_failed(file->path, code, err) : 0;
}

void export_file_deinit(struct export_file *file)
{
	if (file->path) {
		if (file->out)
			fclose(file->out);
		output_file_deinit(&file->file);
		if (*unfinished)
			set_handlers(SIG_DFL);
		*unfinished = '\0';
	}
	*file = (struct export_file){0};
}
