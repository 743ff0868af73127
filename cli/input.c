/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/input.h"

#include "cli/errors.h"
#include "cli/newest.h"
#include "common/err.h"
#include "common/guard.h"
#include "common/pprof.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static int read_newest(char name[INPUT_NAME], struct profile **profile, struct err *err)
{
	_Static_assert((int)INPUT_NAME == (int)NEWEST_NAME, "one is copied to the other");
	char newest[NEWEST_NAME];
	int result = newest_read(".", newest, profile, err);
	if (result < 0)
		return result;
	errors_note("the newest profile here: %s", newest);
	if (name)
		memcpy(name, newest, INPUT_NAME);
	return 0;
}

static int read_stdin(char name[INPUT_NAME], struct profile **profile, struct err *err)
{
	if (isatty(STDIN_FILENO)) {
		err_set(err, -EINVAL, ERR_USAGE, "standard input is a terminal, not a profile");
		err_hint(err, "put a profile before it: `curl … | probe report -`");
		return -EINVAL;
	}
	if (name)
		snprintf(name, INPUT_NAME, "(standard input)");
	return pprof_read(STDIN_FILENO, "standard input", profile, err);
}

int input_read(const char *file, char name[INPUT_NAME], struct profile **profile, struct err *err)
{
	if (!file)
		return read_newest(name, profile, err);
	if (!strcmp(file, "-"))
		return read_stdin(name, profile, err);
	guard_fd int fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, -errno, ERR_FAILED, "%s: %s", file, strerror(errno));
	struct stat stat;
	if (!fstat(fd, &stat) && S_ISDIR(stat.st_mode))
		return err_set(err, -EISDIR, ERR_FAILED, "%s is a directory", file);
	const char *slash = strrchr(file, '/');
	if (name)
		snprintf(name, INPUT_NAME, "%s", slash ? slash + 1 : file);
	return pprof_read(fd, file, profile, err);
}
