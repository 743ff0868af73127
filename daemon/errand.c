/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/errand.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/guard.h"
#include "common/packet.h"
#include "daemon/bounded.h"

GUARD_DEFINE(packet, struct packet *, packet_free)

enum {
	GOING_MS = 200, /* for a child to end that was killed */
};

/* What a child answers. */
struct said {
	int code;
	int64_t waited_ms;
};

/* What a child is for, and what it holds. */
struct child {
	const struct errand_kind *kind;
	const void *context;
	int socket;
	int account; /* its /proc/self/schedstat */
	int begun;   /* the result of begin() */
};

/* So long this process has run, or waited for a CPU, by the kernel's account. */
static int64_t busy_ms(int account)
{
	char text[96];
	long long ran_ns, queued_ns;
	ssize_t n = pread(account, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	if (sscanf(text, "%lld %lld", &ran_ns, &queued_ns) != 2)
		return 0;
	return (ran_ns + queued_ns) / 1000000;
}

static int answer_one(const struct child *child, const void *request)
{
	int fd guard_fd = -1;
	int64_t since_ms = clock_now_ms(), busy = busy_ms(child->account);
	struct said said = {.code = child->begun};
	if (!said.code)
		said.code = child->kind->run(child->context, request, &fd);
	said.waited_ms = clock_now_ms() - since_ms - (busy_ms(child->account) - busy);
	return packet_send(child->socket, &said, sizeof(said), &fd, said.code >= 0 && fd >= 0);
}

static _Noreturn void be_child(int socket, const struct errand_kind *kind, const void *context,
			       pid_t parent)
{
	/* It may hang where no signal reaches it: it must hold nothing of its parent's, whose
	 * programs and sockets would outlive it. */
	bounded_keep_only(socket, socket);
	struct packet *packet = packet_new();
	struct child child = {.kind = kind, .context = context, .socket = socket};
	child.account = open("/proc/self/schedstat", O_RDONLY | O_CLOEXEC);
	child.begun = kind->begin ? kind->begin(context) : 0;
	/* Its end with the parent would go with privileges that begin() gave up. */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (!packet || getppid() != parent)
		_exit(EXIT_FAILURE);
	while (!packet_receive(socket, packet) && packet->bytes == kind->bytes &&
	       !answer_one(&child, packet->data))
		;
	_exit(EXIT_SUCCESS);
}

static int begin(struct errand *errand, const struct errand_kind *kind, const void *context)
{
	int pair[2];
	int code = packet_pair(pair);
	if (code)
		return code;
	int ours guard_fd = pair[0];
	int theirs guard_fd = pair[1];
	pid_t parent = getpid(), child = fork();
	if (child < 0)
		return -errno;
	if (child == 0)
		be_child(theirs, kind, context, parent);
	/* By its pidfd: where SIGCHLD is ignored, an ended child's number is free again. Without
	 * one it could not be killed: it ends when nobody asks, and has been asked nothing. */
	int end = pidfd_open(child, 0);
	if (end < 0)
		return -errno;
	*errand = (struct errand){child, end, steal_fd(ours)};
	return 0;
}

void errand_end(struct errand *errand, int *stuck)
{
	int end guard_fd = errand->pid ? errand->end : -1;
	if (stuck)
		*stuck = -1;
	if (!errand->pid)
		return;
	close(errand->socket);
	pidfd_send_signal(end, SIGKILL, NULL, 0);
	/* It closes what it opened: that can hang as well. */
	struct pollfd ended = {.fd = end, .events = POLLIN};
	if (poll(&ended, 1, GOING_MS) == 1)
		waitpid(errand->pid, NULL, 0); /* for the tests: the broker ignores SIGCHLD */
	else if (stuck)
		*stuck = steal_fd(end);
	*errand = (struct errand){0};
}

static bool is_readable(int socket, int limit_ms)
{
	struct pollfd answer = {.fd = socket, .events = POLLIN};
	int64_t left, deadline_ms = clock_now_ms() + limit_ms;
	int n;
	do {
		left = deadline_ms - clock_now_ms();
		n = poll(&answer, 1, left < 0 ? 0 : (int)left);
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

/* Receives the answer, and its file, until the deadline. *answered: it has come. */
static int await_answer(int socket, int limit_ms, int *fd, int64_t *waited_ms, bool *answered)
{
	if (!is_readable(socket, limit_ms)) {
		*waited_ms = limit_ms;
		return -ETIMEDOUT;
	}
	struct packet *packet guard(guard_packet) = packet_new();
	if (!packet)
		return -ENOMEM;
	int code = packet_receive(socket, packet);
	if (code)
		return code == -ECONNRESET ? -EIO : code;
	struct said said;
	if (packet->bytes != sizeof(said) || packet->n_fds > 1)
		return -EPROTO;
	memcpy(&said, packet->data, sizeof(said));
	*answered = true;
	*waited_ms = said.waited_ms;
	*fd = said.code >= 0 ? packet_take_fd(packet, 0) : -1;
	return said.code;
}

/* To a child that is there; a new one where it has ended since. */
static int ask(struct errand *errand, const struct errand_kind *kind, const void *context,
	       const void *request)
{
	if (errand->pid && !packet_send(errand->socket, request, kind->bytes, NULL, 0))
		return 0;
	errand_end(errand, NULL);
	int code = begin(errand, kind, context);
	return code ? code : packet_send(errand->socket, request, kind->bytes, NULL, 0);
}

int errand_ask(struct errand *errand, const struct errand_kind *kind, const void *context,
	       const void *request, int limit_ms, int *fd, struct errand_wait *wait)
{
	bool answered = false;
	*wait = (struct errand_wait){.stuck = -1};
	int code = ask(errand, kind, context, request);
	if (!code)
		code = await_answer(errand->socket, limit_ms, fd, &wait->ms, &answered);
	if (!answered)
		errand_end(errand, &wait->stuck);
	return code;
}
