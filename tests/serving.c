/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/serving.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/packet.h"
#include "daemon/authority.h"
#include "daemon/broker.h"
#include "daemon/privileges.h"
#include "tests/unit.h"

static _Noreturn void be_broker(int socket, int client, int engine)
{
	static struct authority authority;
	struct config config;
	config_init(&config);
	int program = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	if (authority_init(&authority, &config, client, NULL) || privileges_keep(NULL))
		_exit(99);
	close(client);
	int status = broker_run(socket, program, -1, engine, &authority);
	authority_deinit(&authority);
	_exit(status);
}

struct serving serving_start(int listening)
{
	int pair[2] = {-1, -1}, client[2] = {-1, -1};
	CU_ASSERT_EQUAL(packet_pair(pair), 0);
	CU_ASSERT_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, client), 0);
	struct serving serving = {.socket = pair[0], .client = client[0]};
	int engine guard_fd = pidfd_open(getpid(), 0);
	serving.pid = fork();
	if (serving.pid == 0) {
		close(pair[0]);
		be_broker(pair[1], listening < 0 ? client[0] : listening, engine);
	}
	close(pair[1]);
	close(client[1]);
	return serving;
}

int serving_end(struct serving *serving)
{
	int status = -1;
	if (serving->socket >= 0)
		close(serving->socket);
	if (serving->client >= 0)
		close(serving->client);
	serving->socket = serving->client = -1;
	if (serving->pid > 0)
		waitpid(serving->pid, &status, 0);
	serving->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void serving_deinit(struct serving *serving)
{
	serving_end(serving);
}

pid_t serving_sleeper(uid_t uid)
{
	int ready[2];
	char byte = 0;
	CU_ASSERT_EQUAL(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		if (uid && (setresgid(uid, uid, uid) || setresuid(uid, uid, uid) ||
			    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)))
			_exit(1);
		(void)!write(ready[1], &byte, 1);
		close_range(3, ~0u, 0); /* or the broker's socket would not end with ours */
		for (;;)
			pause();
	}
	close(ready[1]);
	CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

void serving_end_sleeper(pid_t *pid)
{
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
}
