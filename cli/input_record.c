/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/input_record.h"

#include "cli/errors.h"
#include "cli/input.h"
#include "cli/output.h"
#include "cli/record.h"
#include "common/err.h"
#include "common/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

/* A name of ours that is free now; `record` refuses one that is not free any more. */
static void choose_name(const char *pids, char path[INPUT_NAME])
{
	struct procfs_stat stat = {.pid = (uint32_t)strtoul(pids, NULL, 10)};
	procfs_stat(stat.pid, &stat); /* if it is gone, `record` will say so */
	struct output_name name = {
		.name = stat.comm, .pid = stat.pid, .time_s = time(NULL), .suffix = ".pb.gz"};
	unsigned n = 1;
	do
		output_make_name(path, INPUT_NAME, &name, n++);
	while (!access(path, F_OK) && n < 1000);
}

_Noreturn static void record(const struct input *input, const struct command_globals *globals,
			     const char *path, pid_t parent)
{
	char *argv[12] = {"record", "-p", (char *)input->pids, "-o", (char *)path};
	int argc = 5;
	if (input->hz) {
		argv[argc++] = "-F";
		argv[argc++] = (char *)input->hz;
	}
	if (input->duration) {
		argv[argc++] = "-d";
		argv[argc++] = (char *)input->duration;
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(ERR_FAILED);
	struct err err = {0};
	int status = record_command(globals, argc, argv, &err);
	if (status < 0) {
		if (!err_is_set(&err))
			err_set(&err, status, ERR_FAILED, "record: %s", strerror(-status));
		status = errors_print(&err, false);
	}
	fflush(NULL);
	_exit(status);
}

int input_record_run(const struct input *input, const struct command_globals *globals, char path[],
		     struct err *err)
{
	choose_name(input->pids, path);
	fflush(NULL);
	pid_t parent = getpid();
	/* Ctrl-C ends the recording, not the looking at it. */
	struct sigaction old, ignore = {.sa_handler = SIG_IGN};
	sigaction(SIGINT, &ignore, &old);
	pid_t pid = fork();
	if (pid == 0) {
		sigaction(SIGINT, &old, NULL);
		record(input, globals, path, parent);
	}
	int status = 0, code = errno;
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	sigaction(SIGINT, &old, NULL);
	if (pid < 0)
		return err_set(err, -code, ERR_FAILED, "cannot start a recording: %s",
			       strerror(code));
	if (WIFSIGNALED(status))
		return err_set(err, -EIO, ERR_FAILED, "the recording was ended by signal %d",
			       WTERMSIG(status));
	return WEXITSTATUS(status);
}
