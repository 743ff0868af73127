/* SPDX-License-Identifier: Apache-2.0 */
/* The way to an engine: the daemon that listens on a socket, or, where there is none and we are
 * root, a probed of our own for this one recording. Both have said hello when daemon_link_open()
 * returns. */
#pragma once

#include <sys/types.h>

struct err;
struct wire;
struct Probe__Message;

struct daemon_link {
	struct wire *wire;
	pid_t pid; /* of our own probed; 0: a daemon's */
};

/* `socket_path` NULL: $PROBE_SOCKET, else the usual one. Negative errno with words: ERR_NO_DAEMON
 * (nobody there and not root, no hello in time, another protocol number), ERR_PERMISSION, or what
 * the daemon said. */
int daemon_link_open(struct daemon_link *link, const char *socket_path, struct err *err);

/* The same, but never a probed of our own. */
int daemon_link_connect(struct daemon_link *link, const char *socket_path, struct err *err);

/* Says hello on `socket_take`; for a link made otherwise. */
int daemon_link_greet(struct daemon_link *link, int socket_take, int timeout_ms, struct err *err);

/* The next message (new *message), which must be of this kind; ERR_FAILED with words when it is not
 * there in time, the peer is gone, or it is another kind; what a Failed says. */
int daemon_link_receive(struct daemon_link *link, int kind, struct Probe__Message **message,
			struct err *err);

/* The peer hung up: the words for it, with what became of a probed of our own. */
int daemon_link_lost(struct daemon_link *link, struct err *err);

/* Hangs up: the engine ends the recording and leaves nothing attached. */
void daemon_link_hang_up(struct daemon_link *link);
/* The same, and waits until a probed of our own is gone (killed, should it hang). Zeroed storage is
 * fine, twice too. */
void daemon_link_close(struct daemon_link *link);
