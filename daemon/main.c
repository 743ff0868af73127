/* SPDX-License-Identifier: Apache-2.0 */
/* probed: the broker and the engine. `probe` starts it for one recording, as `probed --embedded FD`
 * with its end of a socket pair. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "daemon/broker.h"
#include "daemon/engine.h"
#include "daemon/launch.h"
#include "daemon/privileges.h"

static const char usage[] = "Usage: probed --embedded FD\n"
			    "The server of probe, for one client on the socket FD. `probe` starts "
			    "it; nobody else needs to.\n"
			    "  --version  --help\n";

static int complain(const struct err *err)
{
	fprintf(stderr, "probed: %s\n", err->msg);
	if (err->hint[0])
		fprintf(stderr, "  hint: %s\n", err->hint);
	return err->status ? err->status : ERR_FAILED;
}

/* A client's socket that came by inheritance; every other fd is closed. */
static int inherit_socket(const char *number, int *socket, struct err *err)
{
	char *end;
	errno = 0;
	long fd = strtol(number, &end, 10);
	struct stat stat;
	if (end == number || *end || errno || fd <= STDERR_FILENO || fd >= INT_MAX ||
	    fstat(fd, &stat) < 0 || !S_ISSOCK(stat.st_mode))
		return err_set(err, -EINVAL, ERR_USAGE, "--embedded: %s is not an open socket",
			       number);
	if (fd > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, fd - 1, 0);
	close_range(fd + 1, ~0u, 0);
	*socket = fd;
	return 0;
}

/* Ctrl-C on the client's terminal, a closed terminal: the client decides what they mean. */
static void leave_terminal(void)
{
	setsid(); /* fails for the leader of a group, which a terminal's signals reach, too: */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	/* What the client blocked for itself. */
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int run_embedded(const char *number)
{
	struct err err = {0};
	int client = -1, broker = -1, program = -1;
	if (inherit_socket(number, &client, &err))
		return complain(&err);
	if (geteuid() != 0) {
		err_set(&err, -EPERM, ERR_PERMISSION, "only root may start it");
		return complain(&err);
	}
	leave_terminal();
	if (launch_engine(engine_run, client, &broker, &err))
		return complain(&err);
	close(client);
	/* Missing, it is named when the engine asks for a worker: a recording without names. */
	launch_open_program("probe-symbolizer", &program, NULL);
	if (privileges_keep(&err))
		return complain(&err);
	launch_quiet();
	return broker_run(broker, program);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"embedded", required_argument, NULL, 'e'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	const char *embedded = NULL;
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (option) {
		case 'e':
			embedded = optarg;
			break;
		case 'v':
			puts("probed " VERSION);
			return EXIT_SUCCESS;
		case 'h':
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		default:
			return ERR_USAGE;
		}
	}
	if (!embedded || optind != argc) {
		fputs(usage, stderr);
		return ERR_USAGE;
	}
	return run_embedded(embedded);
}
