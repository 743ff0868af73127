/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/workers.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/err.h"

enum {
	/* A killed worker is gone within microseconds, unless a file system holds it. */
	END_MS = 50,
};

/* Forgets those that have ended. */
static void count(struct workers *workers)
{
	int n = 0;
	for (int i = 0; i < workers->n; i++) {
		struct pollfd ended = {.fd = workers->at[i].pidfd, .events = POLLIN};
		if (poll(&ended, 1, 0) > 0) {
			close(ended.fd);
			workers->ended_cpu_ns += workers->cpu_ns[i];
			continue;
		}
		workers->cpu_ns[n] = workers->cpu_ns[i];
		workers->at[n++] = workers->at[i];
	}
	workers->n = n;
}

int workers_start(struct workers *workers, pid_t *pid, int *socket, struct err *err)
{
	count(workers);
	if (workers->n == WORKERS_MAX)
		return -EAGAIN;
	if (workers->program < 0)
		return err_set(err, -ENOENT, ERR_FAILED,
			       "probe-symbolizer is not where probed lies");
	struct launch_worker *worker = &workers->at[workers->n];
	int code = launch_worker(workers->program, worker, socket, err);
	if (code)
		return code;
	workers->cpu_ns[workers->n++] = 0;
	*pid = worker->pid;
	return 0;
}

uint64_t workers_cpu_ns(struct workers *workers)
{
	count(workers);
	uint64_t sum_ns = workers->ended_cpu_ns;
	for (int i = 0; i < workers->n; i++) {
		clockid_t clock;
		uint64_t cpu_ns =
			clock_getcpuclockid(workers->at[i].pid, &clock) ? 0 : clock_ns(clock);
		if (cpu_ns > workers->cpu_ns[i])
			workers->cpu_ns[i] = cpu_ns;
		sum_ns += workers->cpu_ns[i];
	}
	return sum_ns;
}

void workers_end(struct workers *workers, pid_t pid)
{
	workers_cpu_ns(workers);
	for (int i = 0; i < workers->n; i++)
		if (workers->at[i].pid == pid)
			pidfd_send_signal(workers->at[i].pidfd, SIGKILL, NULL, 0);
}

void workers_deinit(struct workers *workers)
{
	for (int i = 0; i < workers->n; i++)
		pidfd_send_signal(workers->at[i].pidfd, SIGKILL, NULL, 0);
	for (int i = 0; i < workers->n; i++) {
		struct pollfd ended = {.fd = workers->at[i].pidfd, .events = POLLIN};
		poll(&ended, 1, END_MS);
		close(ended.fd);
	}
	workers->n = 0;
}
