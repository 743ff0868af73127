/* SPDX-License-Identifier: Apache-2.0 */
/* The broker with the rights it keeps, asked by this process in the engine's place: every operation
 * against forked targets, and a hostile engine. Runs as root. */
#include "daemon/asker.h"
#include "daemon/event_names.h"
#include "daemon/broker.h"
#include "daemon/launch.h"
#include "daemon/target_files.h"
#include "daemon/workers.h"
#include "common/err.h"
#include "common/guard.h"
#include "common/packet.h"
#include "tests/serving.h"
#include "tests/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

GUARD_DEFINE(packet, struct packet *, packet_free)

/* This program is also the worker that the broker starts: it echoes until its socket ends. */
__attribute__((constructor)) static void be_worker(int argc, char **argv)
{
	if (argc != 1 || strcmp(argv[0], "probe-symbolizer"))
		return;
	char byte;
	while (read(3, &byte, 1) == 1 && write(3, &byte, 1) == 1)
		;
	_exit(0);
}

/* Whether a process of another parent ends; so long a wait is for a loaded machine. */
static bool ends(int pidfd)
{
	struct pollfd ended = {.fd = pidfd, .events = POLLIN};
	return poll(&ended, 1, 30000) == 1;
}

/* What the kernel says of the first executable mapping of a file, in the maps that came. */
static bool find_code(int maps, struct target_line *code)
{
	FILE *file guard_file = fdopen(maps, "r");
	char line[4352];
	while (file && fgets(line, sizeof(line), file))
		if (target_files_parse(line, code) && code->executable && code->inode)
			return true;
	return false;
}

static void begin(struct asker *asker, uint32_t session, int client)
{
	struct asker_rights rights = {0};
	CU_ASSERT_EQUAL(asker_session(asker, session, client, &rights, NULL), 0);
	CU_ASSERT(rights.everything && rights.off_cpu && rights.hz_max > 1000);
	CU_ASSERT_EQUAL(rights.bytes_max, 512ull << 20);
}

static void end(struct asker *asker, uint32_t session)
{
	struct asker_dropped dropped = {.revoked = 7, .skipped = 7};
	CU_ASSERT_EQUAL(asker_drop(asker, session, &dropped, NULL), 0);
	CU_ASSERT(!dropped.revoked && !dropped.skipped);
}

static void opens_maps_and_files(struct asker *asker, int client, pid_t target)
{
	begin(asker, 3, client);
	int maps = -1, file guard_fd = -1;
	CU_ASSERT_EQUAL(asker_take(asker, 3, target, -1, TAKE_CHILDREN, &maps, NULL), 0);
	struct target_line code = {0};
	CU_ASSERT(find_code(maps, &code));
	CU_ASSERT_EQUAL(asker_mapped_file(asker, target, code.start, code.end, code.dev, code.inode,
					  &file, NULL),
			0);
	struct stat stat;
	CU_ASSERT_EQUAL(fstat(file, &stat), 0);
	CU_ASSERT(S_ISREG(stat.st_mode));
	int none = -1;
	CU_ASSERT_EQUAL(asker_mapped_file(asker, target, code.start, code.end, code.dev,
					  code.inode + 1, &none, NULL),
			-ESTALE);
	CU_ASSERT_EQUAL(asker_mapped_file(asker, getpid(), code.start, code.end, code.dev,
					  code.inode, &none, NULL),
			-ENOENT); /* not taken */
	CU_ASSERT_EQUAL(asker_maps(asker, getpid(), &none, NULL), -ENOENT);
	CU_ASSERT_EQUAL(asker_maps(asker, target, &none, NULL), 0);
	CU_ASSERT(none >= 0);
	close(none);
	CU_ASSERT_EQUAL(asker_space(asker, target, 7, NULL), 0);
	CU_ASSERT_EQUAL(asker_space(asker, getpid(), 7, NULL), -ENOENT);
	CU_ASSERT_EQUAL(asker_take_thread(asker, 3, target, NULL), 0);
	CU_ASSERT_EQUAL(asker_take_thread(asker, 3, getpid(), NULL), -ENOENT);
	end(asker, 3);
	CU_ASSERT_EQUAL(asker_maps(asker, target, &none, NULL), -ENOENT);
}

static void names_who_is_not_there(struct asker *asker, int client, pid_t target)
{
	struct err err = {0};
	begin(asker, 0, client);
	int maps = 0;
	CU_ASSERT_EQUAL(asker_take(asker, 0, 0x7ffffff0, -1, 0, &maps, &err), -ESRCH);
	CU_ASSERT_EQUAL(err.status, ERR_NO_PROCESS);
	CU_ASSERT_STRING_EQUAL(err.msg, "no process with PID 2147483632");
	CU_ASSERT_EQUAL(asker_take_thread(asker, 0, 0x7ffffff0, NULL), -ESRCH);
	CU_ASSERT_EQUAL(asker_take(asker, 0, 2, -1, 0, &maps, NULL), 0); /* kthreadd */
	CU_ASSERT_EQUAL(maps, -1);
	/* a pidfd of another process */
	int pidfd guard_fd = pidfd_open(getpid(), 0);
	CU_ASSERT_EQUAL(asker_take(asker, 0, target, pidfd, 0, &maps, NULL), -EPROTO);
	CU_ASSERT_EQUAL(asker_maps(asker, target, &maps, NULL), -ENOENT);
	int right guard_fd = pidfd_open(target, 0);
	CU_ASSERT_EQUAL(asker_take(asker, 0, target, right, 0, &maps, NULL), 0);
	close(maps);
	end(asker, 0);
	/* with everything taken, any process's maps */
	begin(asker, 1, client);
	CU_ASSERT_EQUAL(asker_take_all(asker, 1, NULL), 0);
	CU_ASSERT_EQUAL(asker_maps(asker, getpid(), &maps, NULL), 0);
	close(maps);
	end(asker, 1);
}

static void opens_events(struct asker *asker, int client)
{
	begin(asker, 5, client);
	int events[CPUS_MAX], links[CPUS_MAX];
	struct broker_request wanted = {.session = 5, .period_ns = 1000000};
	memset(wanted.cpus, 0xff, sizeof(wanted.cpus));
	struct err err = {0};
	int n = asker_events(asker, &wanted, events, links, &err);
	CU_ASSERT_EQUAL(n, sysconf(_SC_NPROCESSORS_ONLN));
	CU_ASSERT_STRING_EQUAL(err.msg, "");
	int found = 0;
	for (int cpu = 0; cpu < CPUS_MAX; cpu++) {
		CU_ASSERT_EQUAL(events[cpu] < 0, links[cpu] < 0);
		if (events[cpu] < 0)
			continue;
		found++;
		close(events[cpu]);
		close(links[cpu]);
	}
	CU_ASSERT_EQUAL(found, n);
	memset(wanted.cpus, 0, sizeof(wanted.cpus));
	CU_ASSERT_EQUAL(asker_events(asker, &wanted, events, links, NULL), 0);
}

static void does_every_operation(void)
{
	struct serving served guard_serving = serving_start(-1);
	pid_t target guard_sleeper = serving_sleeper(0);
	struct asker *asker guard_asker = asker_new(steal_fd(served.socket));
	struct err err = {0};
	int fds[LOAD_FDS];
	CU_ASSERT_EQUAL(asker_load(asker, fds, NULL, &err), 0);
	CU_ASSERT_STRING_EQUAL(err.msg, "");
	for (int i = 0; i < LOAD_FDS; i++)
		CU_ASSERT_EQUAL(close(fds[i]), 0);
	CU_ASSERT_EQUAL(asker_load(asker, fds, NULL, NULL), -EPROTO); /* once */
	opens_maps_and_files(asker, served.client, target);
	names_who_is_not_there(asker, served.client, target);
	opens_events(asker, served.client);
	int pids = 0;
	CU_ASSERT_EQUAL(asker_list(asker, served.client, &pids, NULL), 0);
	CU_ASSERT_EQUAL(pids, -1);
	uint64_t stext = 0;
	int kallsyms guard_fd = -1;
	CU_ASSERT_EQUAL(asker_kallsyms(asker, &stext, &kallsyms, NULL), 0);
	char line[64];
	CU_ASSERT(read(kallsyms, line, sizeof(line)) > 0);
	CU_ASSERT(stext > 1ull << 63);
	asker_free(asker);
	asker = NULL;
	CU_ASSERT_EQUAL(serving_end(&served), 0);
}

/* The code of the reply to `bytes` of `request` with `n_fds` fds. */
static int reply_with(int socket, const void *request, size_t bytes, int n_fds, int fd)
{
	struct packet *packet guard(guard_packet) = packet_new();
	int fds[LIMIT_PACKET_FDS];
	for (int i = 0; i < LIMIT_PACKET_FDS; i++)
		fds[i] = fd;
	CU_ASSERT_EQUAL(packet_send(socket, request, bytes, fds, n_fds), 0);
	if (packet_receive(socket, packet) || packet->bytes != sizeof(struct broker_reply))
		return 1;
	return ((struct broker_reply *)packet->data)->code;
}

static int reply_to(int socket, const void *request, size_t bytes, int n_fds)
{
	return reply_with(socket, request, bytes, n_fds, socket);
}

static void refuses_nonsense(void)
{
	struct serving served guard_serving = serving_start(-1);
	static uint8_t large[LIMIT_PACKET_BYTES];
	struct broker_request r = {.op = BROKER_WORKER};
	CU_ASSERT_EQUAL(reply_to(served.socket, &r, sizeof(r) - 1, 0), -EPROTO);
	CU_ASSERT_EQUAL(reply_to(served.socket, large, 1, 0), -EPROTO);
	CU_ASSERT_EQUAL(reply_to(served.socket, large, sizeof(large), 0), -EPROTO);
	CU_ASSERT_EQUAL(reply_to(served.socket, &r, sizeof(r), 1), -EPROTO);
	static const uint32_t ops[] = {0, BROKER_UNLOAD + 1, 0x7fffffff, 0x80000000, -1u};
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		r.op = ops[i];
		CU_ASSERT_EQUAL(reply_to(served.socket, &r, sizeof(r), 0), -EPROTO);
	}
	/* nothing goes before the load */
	for (r.op = BROKER_EVENTS; r.op <= BROKER_KALLSYMS; r.op++)
		CU_ASSERT_EQUAL(reply_to(served.socket, &r, sizeof(r), 0), -EPROTO);
	r.op = BROKER_LOAD;
	CU_ASSERT_EQUAL(reply_to(served.socket, &r, sizeof(r), 128), -EPROTO);
	CU_ASSERT_EQUAL(reply_to(served.socket, &r, sizeof(r), 0), 0);
	r = (struct broker_request){.op = BROKER_SESSION};
	CU_ASSERT_EQUAL(reply_to(served.socket, &r, sizeof(r), 1), -EPROTO); /* no client's */
	CU_ASSERT_EQUAL(reply_with(served.socket, &r, sizeof(r), 1, served.client), 0);
	CU_ASSERT_EQUAL(reply_with(served.socket, &r, sizeof(r), 1, served.client), -EPROTO);
	const struct broker_request bad[] = {
		{.op = BROKER_EVENTS, .session = SESSIONS_MAX, .period_ns = 1000000, .cpus = {1}},
		{.op = BROKER_EVENTS, .period_ns = 0, .cpus = {1}},
		{.op = BROKER_EVENTS,
		 .event = EVENT_TRACEPOINT + 1,
		 .period_ns = 1000000,
		 .cpus = {1}},
		{.op = BROKER_EVENTS, .period_ns = PERIOD_MIN_NS - 1, .cpus = {1}},
		{.op = BROKER_TAKE, .session = SESSIONS_MAX, .pid = getpid()},
		{.op = BROKER_TAKE, .pid = getpid(), .flags = 16},
		{.op = BROKER_TAKE, .session = 1, .pid = getpid()}, /* not begun */
		{.op = BROKER_SESSION, .session = 1},		    /* nobody's */
		{.op = BROKER_LIST},
		{.op = BROKER_TAKE_THREAD, .session = -1u, .tid = getpid()},
		{.op = BROKER_TAKE_ALL, .session = 64},
		{.op = BROKER_SPACE, .pid = getpid(), .space = SPACES_MAX},
		{.op = BROKER_DROP, .session = 64},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_EQUAL(reply_to(served.socket, &bad[i], sizeof(bad[i]), 0), -EPROTO);
	r = (struct broker_request){.op = BROKER_TAKE, .pid = getpid()};
	CU_ASSERT_EQUAL(reply_to(served.socket, &r, sizeof(r), 2), -EPROTO);
	CU_ASSERT_EQUAL(reply_to(served.socket, &r, sizeof(r), 1), -EPROTO); /* no pidfd */
	r.pid = 0;
	CU_ASSERT_EQUAL(reply_to(served.socket, &r, sizeof(r), 0), -ESRCH);
	r = (struct broker_request){.op = BROKER_EVENTS, .period_ns = 1000000, .first_cpu = -1u};
	CU_ASSERT_EQUAL(reply_to(served.socket, &r, sizeof(r), 0), 0); /* none */
	CU_ASSERT_EQUAL(serving_end(&served), 0);
}

/* Any numbers, of which some are right: every request has its reply. */
static void survives_any_request(void)
{
	struct serving served guard_serving = serving_start(-1);
	pid_t target guard_sleeper = serving_sleeper(0);
	struct broker_request r = {.op = BROKER_LOAD};
	CU_ASSERT_EQUAL(reply_to(served.socket, &r, sizeof(r), 0), 0);
	uint64_t random = 1; /* the same numbers every time */
	for (int i = 0; i < 1000; i++) {
		uint32_t words[sizeof(r) / sizeof(uint32_t)];
		for (size_t k = 0; k < sizeof(words) / sizeof(*words); k++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			words[k] = (uint32_t)(random >> (random >> 63 ? 32 : 58));
		}
		memcpy(&r, words, sizeof(r));
		r.op = (uint32_t)(random >> 40) % (BROKER_UNLOAD + 2);
		if (r.op == BROKER_WORKER && i % 16)
			r.op = BROKER_TAKE;
		if (i % 2)
			r.pid = (uint32_t)target;
		if (i % 3)
			r.session %= SESSIONS_MAX;
		if (i % 5 == 0)
			r.flags = 0;
		CU_ASSERT(reply_with(served.socket, &r, sizeof(r), i % 7 == 0, served.client) <= 0);
	}
	CU_ASSERT_EQUAL(serving_end(&served), 0);
}

/* A worker: answers, and is what a worker must be. */
static void check_worker(int socket, int pid)
{
	char byte = 'x';
	CU_ASSERT_EQUAL(write(socket, &byte, 1), 1);
	byte = 0;
	CU_ASSERT_EQUAL(read(socket, &byte, 1), 1);
	CU_ASSERT_EQUAL(byte, 'x');
	char path[64], line[256], ids[64] = "";
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	FILE *status guard_file = fopen(path, "re");
	bool clean = true;
	while (status && fgets(line, sizeof(line), status)) {
		if (!strncmp(line, "Uid:", 4))
			snprintf(ids, sizeof(ids), "%.60s", line);
		if (!strncmp(line, "Cap", 3) && strcmp(line + 7, "\t0000000000000000\n"))
			clean = false;
	}
	CU_ASSERT(clean);
	CU_ASSERT_STRING_EQUAL(ids, "Uid:\t61102\t61102\t61102\t61102\n");
#ifndef SANITIZE
	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	char environment;
	int environ_fd guard_fd = open(path, O_RDONLY | O_CLOEXEC);
	CU_ASSERT_EQUAL(read(environ_fd, &environment, 1), 0);
#endif
	for (int fd = 0; fd < 16; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
		ssize_t n = readlink(path, line, sizeof(line) - 1);
		line[n > 0 ? n : 0] = '\0';
		if (fd < 2)
			CU_ASSERT_STRING_EQUAL(line, "/dev/null");
		CU_ASSERT_EQUAL(n > 0, fd <= 3);
	}
}

static void starts_and_ends_workers(void)
{
	struct serving served guard_serving = serving_start(-1);
	struct asker *asker guard_asker = asker_new(steal_fd(served.socket));
	int sockets[WORKERS_MAX], pids[WORKERS_MAX], pidfds[WORKERS_MAX];
	for (int i = 0; i < WORKERS_MAX; i++) {
		sockets[i] = pids[i] = -1;
		CU_ASSERT_EQUAL(asker_worker(asker, &sockets[i], &pids[i], NULL), 0);
		pidfds[i] = pidfd_open(pids[i], 0);
	}
	check_worker(sockets[0], pids[0]);
	int socket = -1, pid = -1;
	CU_ASSERT_EQUAL(asker_worker(asker, &socket, &pid, NULL), -EAGAIN);
	CU_ASSERT_EQUAL(asker_end_worker(asker, getpid(), NULL), 0); /* no worker: lives on */
	CU_ASSERT_EQUAL(asker_end_worker(asker, pids[2], NULL), 0);
	CU_ASSERT(ends(pidfds[2]));
	CU_ASSERT_EQUAL(asker_worker(asker, &socket, &pid, NULL), 0);
	close(socket);
	/* one whose socket closes ends by itself */
	close(sockets[4]);
	CU_ASSERT(ends(pidfds[4]));
	/* the others, when the engine ends */
	asker_free(asker);
	asker = NULL;
	CU_ASSERT_EQUAL(serving_end(&served), 0);
	for (int i = 0; i < WORKERS_MAX; i++) {
		CU_ASSERT(ends(pidfds[i]));
		close(pidfds[i]);
		if (i != 4)
			close(sockets[i]);
	}
}

static void workers_die_with_the_broker(void)
{
	struct serving served guard_serving = serving_start(-1);
	struct asker *asker guard_asker = asker_new(steal_fd(served.socket));
	int socket guard_fd = -1, pid = -1;
	CU_ASSERT_EQUAL(asker_worker(asker, &socket, &pid, NULL), 0);
	int pidfd guard_fd = pidfd_open(pid, 0);
	kill(served.pid, SIGKILL);
	CU_ASSERT(ends(pidfd));
	struct err err = {0};
	int code = asker_worker(asker, &socket, &pid, &err);
	CU_ASSERT(code == -ECONNRESET || code == -EPIPE);
	CU_ASSERT_STRING_EQUAL(err.msg, "the broker ended");
}

/* Of an engine that hangs: says that it is there, and nothing else ever. */
static _Noreturn void hang_on(int client_socket)
{
	pid_t pid = getpid();
	(void)!write(client_socket, &pid, sizeof(pid));
	for (;;)
		pause();
}

static int hang(int client_socket, int broker_socket)
{
	hang_on(client_socket);
}

static void a_hung_engine_dies_with_the_broker(void)
{
	int client[2] = {-1, -1};
	CU_ASSERT_EQUAL(packet_pair(client), 0);
	int socket guard_fd = client[0];
	pid_t parent = fork();
	if (parent == 0) {
		struct launch_engine launched;
		if (!launch_engine(hang, client[1], &launched, NULL))
			pause();
		_exit(1);
	}
	close(client[1]);
	pid_t engine = 0;
	CU_ASSERT_EQUAL(read(socket, &engine, sizeof(engine)), sizeof(engine));
	int pidfd guard_fd = pidfd_open(engine, 0);
	kill(parent, SIGKILL);
	waitpid(parent, NULL, 0);
	CU_ASSERT(ends(pidfd));
}

SUITE(broker, {"does every operation", does_every_operation},
      {"refuses nonsense", refuses_nonsense}, {"survives any request", survives_any_request},
      {"starts and ends workers", starts_and_ends_workers},
      {"workers die with the broker", workers_die_with_the_broker},
      {"a hung engine dies with the broker", a_hung_engine_dies_with_the_broker});
