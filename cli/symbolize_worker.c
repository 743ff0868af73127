/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/symbolize_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/err.h"
#include "common/memory.h"
#include "common/packet.h"
#include "common/path.h"
#include "common/worker.h"
#include "common/worker_answer.h"

enum {
	WORKER_SOCKET = 3,
	WORKER_UID = 61102, /* what the broker's workers have, too: unused by distributions */
	OBJECT = 1,
	AT_REST = 1, /* value of WORKER_OPEN */
	/* More than the worker takes before it gives up. */
	ANSWER_SECONDS = WORKER_PATIENCE * WORKER_SECONDS + 2,
};

struct symbolize_worker {
	pid_t pid;
	int socket;
	struct packet *packet;
	struct {
		struct worker_request head;
		uint64_t addresses[WORKER_ADDRESSES];
	} request;
	struct worker_answer_text text;
	struct worker_link_name name;
};

/* Another user than root, who may do anything to files. */
static bool drop_root(void)
{
	return geteuid() != 0 ||
	       (!setgroups(0, NULL) && !setresgid(WORKER_UID, WORKER_UID, WORKER_UID) &&
		!setresuid(WORKER_UID, WORKER_UID, WORKER_UID));
}

/* In the child: nothing of ours is open in the worker but its socket and stderr. */
static _Noreturn void become_worker(int program, int socket, pid_t parent)
{
	static char *const arguments[] = {"probe-symbolizer", NULL};
	static char *const environment[] = {
#ifdef SANITIZE /* LeakSanitizer attaches to its own process, which a worker may not */
		"ASAN_OPTIONS=detect_leaks=0",
#endif
		NULL};
	int high = fcntl(program, F_DUPFD_CLOEXEC, WORKER_SOCKET + 1);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (high < 0 || null < 0 || !drop_root())
		_exit(126);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	if (socket == WORKER_SOCKET)
		fcntl(socket, F_SETFD, 0);
	else
		dup2(socket, WORKER_SOCKET);
	close_range(WORKER_SOCKET + 1, ~0u, CLOSE_RANGE_CLOEXEC);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() == parent)
		execveat(high, "", arguments, environment, AT_EMPTY_PATH);
	_exit(127);
}

int symbolize_worker_start(struct symbolize_worker **out, struct err *err)
{
	char path[PATH_MAX];
	int pair[2], code = path_find_program(path, "probe-symbolizer", err);
	if (code)
		return code;
	int program guard_fd = open(path, O_PATH | O_CLOEXEC);
	if (program < 0)
		return err_set(err, -errno, ERR_FAILED, "%s: %s", path, strerror(errno));
	code = packet_pair(pair);
	if (code)
		return err_set(err, code, ERR_FAILED, "cannot make a socket: %s", strerror(-code));
	int ours guard_fd = pair[0], theirs guard_fd = pair[1];
	pid_t parent = getpid(), pid = fork();
	if (pid < 0)
		return err_set(err, -errno, ERR_FAILED, "cannot fork: %s", strerror(errno));
	if (pid == 0)
		become_worker(program, theirs, parent);
	const struct timeval limit = {.tv_sec = ANSWER_SECONDS};
	setsockopt(ours, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	struct symbolize_worker *worker = memory_new(1, sizeof(*worker));
	worker->pid = pid;
	worker->socket = steal_fd(ours);
	worker->packet = packet_new();
	if (!worker->packet)
		memory_exhausted();
	*out = worker;
	return 0;
}

void symbolize_worker_end(struct symbolize_worker *worker)
{
	if (!worker)
		return;
	close(worker->socket);
	kill(worker->pid, SIGKILL);
	waitpid(worker->pid, NULL, 0);
	packet_free(worker->packet);
	free(worker);
}

static int ask(struct symbolize_worker *worker, uint32_t op, uint64_t value, int fd,
	       struct err *err)
{
	worker->request.head = (struct worker_request){
		.op = op, .object = OBJECT, .value = value, .n = worker->request.head.n};
	int code = packet_send(worker->socket, &worker->request,
			       sizeof(worker->request.head) +
				       worker->request.head.n * sizeof(uint64_t),
			       &fd, fd >= 0 ? 1 : 0);
	return code ? err_set(err, -EPIPE, ERR_FAILED, "the symbolizer ended") : 0;
}

/* The next packet of the answer. */
static int receive(struct symbolize_worker *worker, struct worker_answer *answer, struct err *err)
{
	int code = packet_receive(worker->socket, worker->packet);
	if (code == -EAGAIN)
		return err_set(err, -EPIPE, ERR_FAILED, "the symbolizer took too long");
	if (code && code != -EPROTO)
		return err_set(err, -EPIPE, ERR_FAILED, "the symbolizer ended: the file is broken");
	if (!code)
		code = worker_answer_read(worker->packet->data, worker->packet->bytes,
					  &worker->request.head, answer);
	if (code)
		return err_set(err, code, ERR_FAILED, "the symbolizer answered nonsense");
	if (answer->head.code) {
		char words[160];
		worker_answer_words(answer, words);
		return err_set(err, answer->head.code, ERR_FAILED, "%s", words);
	}
	return 0;
}

static int describe(struct symbolize_worker *worker, uint32_t op, uint64_t value, int fd,
		    struct worker_opened *opened, struct err *err)
{
	struct worker_answer answer;
	worker->request.head.n = 0;
	int code = ask(worker, op, value, fd, err);
	if (!code)
		code = receive(worker, &answer, err);
	if (!code && worker_answer_opened(&answer, opened))
		code = err_set(err, -EPROTO, ERR_FAILED, "the symbolizer answered nonsense");
	return code;
}

int symbolize_worker_open(struct symbolize_worker *worker, int fd, struct worker_opened *opened,
			  struct err *err)
{
	return describe(worker, WORKER_OPEN, AT_REST, fd, opened, err);
}

int symbolize_worker_add(struct symbolize_worker *worker, uint32_t op, int fd,
			 struct worker_opened *opened, struct err *err)
{
	return describe(worker, op, 0, fd, opened, err);
}

/* The answer to one request, of one or more packets. */
static int take_names(struct symbolize_worker *worker, size_t first,
		      symbolize_worker_on_name *on_name, void *context, struct err *err)
{
	uint32_t left = worker->request.head.n;
	for (struct worker_answer answer = {0}; !answer.head.last;) {
		size_t at = 0;
		int code = receive(worker, &answer, err);
		if (code)
			return code;
		/* Some in each, or this would not end. */
		if (answer.head.n > left ||
		    (answer.head.last ? answer.head.n != left : !answer.head.n))
			return err_set(err, -EPROTO, ERR_FAILED,
				       "the symbolizer answered nonsense");
		for (uint32_t i = 0; i < answer.head.n; i++) {
			if (worker_answer_name(&answer, &at, &worker->text, &worker->name))
				return err_set(err, -EPROTO, ERR_FAILED,
					       "the symbolizer answered nonsense");
			on_name(context, first++, &worker->name);
		}
		left -= answer.head.n;
	}
	return 0;
}

int symbolize_worker_names(struct symbolize_worker *worker, const uint64_t *addresses, size_t n,
			   symbolize_worker_on_name *on_name, void *context, struct err *err)
{
	int code = 0;
	for (size_t done = 0; done < n && !code; done += worker->request.head.n) {
		size_t part = n - done < WORKER_ADDRESSES ? n - done : WORKER_ADDRESSES;
		worker->request.head.n = (uint32_t)part;
		memcpy(worker->request.addresses, addresses + done, part * sizeof(*addresses));
		code = ask(worker, WORKER_NAMES, 0, -1, err);
		if (!code)
			code = take_names(worker, done, on_name, context, err);
	}
	return code;
}
