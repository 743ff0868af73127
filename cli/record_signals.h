/* SPDX-License-Identifier: Apache-2.0 */
/* The signals that end a recording, as a file descriptor to poll. */
#pragma once

#include <signal.h>

struct err;

/* From now on SIGINT, SIGTERM and SIGHUP are read from the fd (close-on-exec, non-blocking), and
 * whoever writes to a closed pipe is told by EPIPE: they stay blocked until the process exits.
 * *old_mask (may be NULL) is for a child's exec. The fd, or negative errno with words. */
int record_signals_open(sigset_t *old_mask, struct err *err);
