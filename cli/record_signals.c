/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/record_signals.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/signalfd.h>

#include "common/err.h"

static bool is_ignored(int signal_number)
{
	struct sigaction now;
	return !sigaction(signal_number, NULL, &now) && now.sa_handler == SIG_IGN;
}

/* SIGHUP means nothing under nohup. SIGINT counts even where a script's shell has started us in the
 * background and ignores it for us: `kill -INT $!` is how scripts end a recording. */
int record_signals_open(sigset_t *old_mask, struct err *err)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (!is_ignored(SIGHUP))
		sigaddset(&set, SIGHUP);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return err_set(err, -errno, ERR_FAILED, "signalfd: %s", strerror(errno));
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, old_mask);
	return fd;
}
