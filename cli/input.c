/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/input.h"

#include "cli/errors.h"
#include "cli/input_record.h"
#include "cli/newest.h"
#include "cli/prune.h"
#include "common/duration.h"
#include "common/err.h"
#include "common/guard.h"
#include "common/path.h"
#include "common/pprof.h"
#include "common/profile.h"

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

int input_read_whole(const char *file, char name[INPUT_NAME], struct profile **profile,
		     struct err *err)
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
	if (name)
		snprintf(name, INPUT_NAME, "%s", path_base(file));
	return pprof_read(fd, file, profile, err);
}

int input_read(const char *file, char name[INPUT_NAME], struct profile **profile, struct err *err)
{
	int result = input_read_whole(file, name, profile, err);
	if (!result)
		prune_profile(*profile);
	return result;
}

bool input_take_option(struct input *input, int got, const char *value)
{
	if (got == 'p')
		input->pids = value;
	else if (got == 'F')
		input->hz = value;
	else
		return false;
	return true;
}

int input_take_word(struct input *input, const char *word, struct err *err)
{
	uint64_t ns;
	if (!input->duration && duration_parse(word, true, &ns) != -EINVAL && access(word, F_OK)) {
		input->duration = word;
		return 0;
	}
	if (input->file)
		return err_set(err, -EINVAL, ERR_USAGE, "one file at a time: %s, %s", input->file,
			       word);
	input->file = word;
	return 0;
}

static int check(const struct input *input, struct err *err)
{
	if (input->pids && input->file)
		return err_set(err, -EINVAL, ERR_USAGE,
			       "a file (%s) or -p, not both; a duration needs its unit (10s)",
			       input->file);
	if (!input->pids && (input->duration || input->hz)) {
		err_set(err, -EINVAL, ERR_USAGE, "%s belongs to a recording: -p PID is missing",
			input->duration ? input->duration : "-F");
		return -EINVAL;
	}
	return 0;
}

int input_open(const struct input *input, const struct command_globals *globals,
	       char name[INPUT_NAME], struct profile **profile, struct err *err)
{
	int result = check(input, err);
	if (result < 0)
		return result;
	if (!input->pids)
		return input_read(input->file, name, profile, err);
	char path[INPUT_NAME];
	result = input_record_run(input, globals, path, err);
	return result ? result : input_read(path, name, profile, err);
}

int input_refuse_empty(const struct profile *profile, const char *name, struct err *err)
{
	return profile->rows.n ? 0
			       : err_set(err, -ENODATA, ERR_NOTHING_SAMPLED,
					 "%s: nothing was sampled", name);
}
