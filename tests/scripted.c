/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scripted.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zstd.h>

#include "cli/commands.h"
#include "common/message.h"
#include "common/protocol.pb-c.h"
#include "common/wire.h"
#include "tests/unit.h"

static const char *const own_files[] = {"socket", "out", "err"};

_Noreturn static void run_probe(const char *line)
{
	char copy[512], *argv[40] = {(char *)"probe", (char *)"--socket", (char *)"socket"};
	int argc = 3;
	snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strtok(copy, " "); word && argc < 39; word = strtok(NULL, " "))
		argv[argc++] = word;
	dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
	dup2(open("out", O_CREAT | O_WRONLY | O_TRUNC, 0600), STDOUT_FILENO);
	dup2(open("err", O_CREAT | O_WRONLY | O_TRUNC, 0600), STDERR_FILENO);
	close_range(3, ~0u, 0);
	int status = commands_main(argc, argv);
	fflush(NULL);
	_exit(status);
}

void scripted_begin_alone(struct scripted *engine, const char *line)
{
	*engine = (struct scripted){.was = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	strcpy(engine->directory, "/tmp/unit-probe-XXXXXX");
	CU_ASSERT_FATAL(mkdtemp(engine->directory) && !chdir(engine->directory));
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
	engine->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_FATAL(!bind(engine->listener, (struct sockaddr *)&address, sizeof(address)) &&
			!listen(engine->listener, 4));
	fflush(NULL);
	engine->pid = fork();
	if (!engine->pid)
		run_probe(line);
}

bool scripted_runs(const struct scripted *engine)
{
	siginfo_t info = {0};
	return !waitid(P_PID, (id_t)engine->pid, &info, WEXITED | WNOHANG | WNOWAIT) &&
	       !info.si_pid;
}

void scripted_accept(struct scripted *engine)
{
	struct pollfd poller = {.fd = engine->listener, .events = POLLIN};
	while (poll(&poller, 1, 20) == 0)
		CU_ASSERT_FATAL(scripted_runs(engine));
	int fd = accept4(engine->listener, NULL, NULL, SOCK_CLOEXEC);
	CU_ASSERT_FATAL(fd >= 0);
	engine->wire = wire_new(fd, 1 << 20);
}

void scripted_begin(struct scripted *engine, const char *line)
{
	scripted_begin_alone(engine, line);
	scripted_accept(engine);
}

int scripted_end(struct scripted *engine)
{
	int status;
	CU_ASSERT_EQUAL(waitpid(engine->pid, &status, 0), engine->pid);
	wire_free(engine->wire);
	engine->wire = NULL;
	close(engine->listener);
	int fd = open("err", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, engine->err, sizeof(engine->err) - 1);
	engine->err[n > 0 ? n : 0] = '\0';
	close(fd);
	return engine->status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int is_own(const char *name)
{
	for (size_t i = 0; i < sizeof(own_files) / sizeof(*own_files); i++)
		if (!strcmp(name, own_files[i]))
			return 1;
	return 0;
}

int scripted_clean(struct scripted *engine)
{
	DIR *dir = opendir(".");
	int n = 0;
	for (struct dirent *entry; (entry = readdir(dir));)
		if (entry->d_type != DT_DIR && !unlink(entry->d_name))
			n += !is_own(entry->d_name);
	closedir(dir);
	CU_ASSERT(!fchdir(engine->was));
	CU_ASSERT(!rmdir(engine->directory));
	close(engine->was);
	return n;
}

const char *scripted_file(struct scripted *engine)
{
	static char path[300];
	DIR *dir = opendir(".");
	path[0] = '\0';
	for (struct dirent *entry; (entry = readdir(dir));)
		if (entry->d_type != DT_DIR && !is_own(entry->d_name))
			snprintf(path, sizeof(path), "%s", entry->d_name);
	closedir(dir);
	return path;
}

Probe__Message *scripted_hear(struct scripted *engine, int kind)
{
	for (;;) {
		Probe__Message *message;
		int got = message_receive(engine->wire, &message);
		if (got == WIRE_FRAME && (int)message->kind_case == kind)
			return message;
		if (got == WIRE_FRAME)
			message_free(message);
		if (got != WIRE_AGAIN)
			return NULL;
		struct pollfd poller = {.fd = wire_fd(engine->wire), .events = POLLIN};
		poll(&poller, 1, -1);
	}
}

void scripted_say(struct scripted *engine, const Probe__Message *message)
{
	CU_ASSERT_EQUAL(message_send(engine->wire, message, NULL, 0), 0);
}

Probe__Message *scripted_start(struct scripted *engine, const char *name, uint32_t pid)
{
	message_free(scripted_hear(engine, PROBE__MESSAGE__KIND_HELLO));
	message_send_hello(engine->wire);
	Probe__Message *record = scripted_hear(engine, PROBE__MESSAGE__KIND_RECORD);
	CU_ASSERT_PTR_NOT_NULL_FATAL(record);
	scripted_say_started(engine, name, pid, record->record->hz);
	return record;
}

void scripted_say_started(struct scripted *engine, const char *name, uint32_t pid, double hz)
{
	Probe__Started started = PROBE__STARTED__INIT;
	started.name = (char *)name;
	started.has_pid = started.has_processes = started.has_threads = started.has_hz = 1;
	started.pid = pid;
	started.processes = 3;
	started.threads = 1208;
	started.hz = hz;
	Probe__Message message = PROBE__MESSAGE__INIT;
	message.kind_case = PROBE__MESSAGE__KIND_STARTED;
	message.started = &started;
	scripted_say(engine, &message);
}

void scripted_finish(struct scripted *engine, const char *profile, uint64_t samples, int reason)
{
	char packed[4096];
	size_t bytes = ZSTD_compress(packed, sizeof(packed), profile, strlen(profile), 1);
	Probe__Message message = PROBE__MESSAGE__INIT;
	Probe__Chunk chunk = PROBE__CHUNK__INIT;
	message.kind_case = PROBE__MESSAGE__KIND_CHUNK;
	message.chunk = &chunk;
	for (size_t at = 0; at < bytes; at += chunk.data.len) {
		chunk.data.data = (uint8_t *)packed + at;
		chunk.data.len = bytes - at < 7 ? bytes - at : 7;
		scripted_say(engine, &message);
	}
	Probe__Finished finished = PROBE__FINISHED__INIT;
	finished.has_reason = finished.has_samples = finished.has_stacks = 1;
	finished.has_lost = finished.has_whole = finished.has_named = finished.has_duration_ns = 1;
	finished.reason = (Probe__Finished__Reason)reason;
	finished.samples = samples;
	finished.stacks = 412;
	finished.lost = 2;
	finished.whole = 1;
	finished.named = 0.987;
	finished.duration_ns = 2500000000;
	finished.note = reason == PROBE__FINISHED__REASON__TARGET_ENDED
				? (char *)"PID 4242 ended after 2.5 s"
				: NULL;
	message.kind_case = PROBE__MESSAGE__KIND_FINISHED;
	message.finished = &finished;
	scripted_say(engine, &message);
}
