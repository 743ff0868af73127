/* SPDX-License-Identifier: Apache-2.0 */
/* probed: the broker, which forks the engine first and keeps only the capabilities it needs. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/err.h"
#include "common/guard.h"
#include "daemon/broker.h"
#include "daemon/engine.h"
#include "daemon/launch.h"
#include "daemon/privileges.h"

static const char usage[] =
	"Usage: probed --embedded FD\n"
	"Serves the one client on the socket FD, as `probe record` asks for it.\n";

static int complain(const struct err *err)
{
	fprintf(stderr, "probed: %s\n", err->msg);
	if (*err->hint)
		fprintf(stderr, "  hint: %s\n", err->hint);
	return err->status;
}

/* Its own session: what a terminal sends to its foreground job is the client's to judge. */
static void leave_terminal(void)
{
	setsid();
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
}

static int run_embedded(int client)
{
	struct err err = {0};
	int program guard_fd = -1, engine guard_fd = -1;
	leave_terminal();
	/* Without it there are no names, but all the rest: whoever asks for names is told. */
	launch_open_program("probe-symbolizer", &program, NULL);
	if (launch_engine(engine_run, client, &engine, &err))
		return complain(&err);
	close(client);
	if (privileges_keep(&err))
		return complain(&err);
	launch_quiet();
	return broker_run(engine, program);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--help")) {
		fputs(usage, stdout);
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		puts("probed " VERSION);
		return 0;
	}
	char *end = NULL;
	long fd = argc == 3 && !strcmp(argv[1], "--embedded") ? strtol(argv[2], &end, 10) : -1;
	if (fd <= STDERR_FILENO || fd > 1 << 20 || !end || *end || fcntl((int)fd, F_GETFD) < 0) {
		fputs(usage, stderr);
		return ERR_USAGE;
	}
	return run_embedded((int)fd);
}
