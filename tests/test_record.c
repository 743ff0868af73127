/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/record.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "cli/daemon_link.h"
#include "common/err.h"
#include "common/message.h"
#include "common/protocol.pb-c.h"
#include "common/wire.h"
#include "tests/scripted.h"
#include "tests/unit.h"

static const char profile[] = "this stands for a profile";

/* `probe record -p (this process) MORE` */
static const char *me(const char *more)
{
	static char line[256];
	snprintf(line, sizeof(line), "record -p %d %s", getpid(), more);
	return line;
}

static bool holds_profile(const char *path)
{
	char text[100] = "";
	gzFile file = gzopen(path, "rb");
	int n = file ? gzread(file, text, sizeof(text) - 1) : -1;
	if (file)
		gzclose(file);
	return n == sizeof(profile) - 1 && !strcmp(text, profile);
}

static void begins_with(const char *text, const char *beginning)
{
	CU_ASSERT(!strncmp(text, beginning, strlen(beginning)));
	if (strncmp(text, beginning, strlen(beginning)) != 0)
		fprintf(stderr, "got:\n%s\nexpected:\n%s\n", text, beginning);
}

static void whole_recording(void)
{
	struct scripted engine;
	scripted_begin(&engine, me("-F 199 30s --label a=b -U"));
	Probe__Message *message = scripted_start(&engine, "ngi\033nx", 4242);
	const Probe__Record *record = message->record;
	CU_ASSERT_EQUAL_FATAL(record->n_pids, 1);
	CU_ASSERT_EQUAL(record->pids[0], getpid());
	CU_ASSERT_EQUAL(record->hz, 199);
	CU_ASSERT_EQUAL(record->duration_ns, 30000000000ull);
	CU_ASSERT_EQUAL(record->n_labels, 1);
	CU_ASSERT(record->no_kernel && !record->no_user && !record->on_exec && !record->all);
	message_free(message);
	scripted_finish(&engine, profile, 1901, PROBE__FINISHED__REASON__TARGET_ENDED);
	CU_ASSERT_EQUAL(scripted_end(&engine), 0);
	const char *path = scripted_file(&engine);
	begins_with(path, "ngi_nx-4242-2");
	CU_ASSERT(holds_profile(path));
	char expected[1024];
	snprintf(expected, sizeof(expected),
		 "Profiling ngi\\x1bnx (4242), 3 processes, 1,208 threads: cpu at 199 Hz and "
		 "off-cpu, for 30s. "
		 "Ctrl-C stops early and keeps the data.\n"
		 "PID 4242 ended after 2.5 s\n"
		 "Wrote %s  1,901 samples, 412 stacks (100.0%% whole), 2 lost, 98.7%% named, %d B\n"
		 "Next: ",
		 path, (int)strlen(profile) + 20);
	begins_with(engine.err, expected);
	CU_ASSERT_EQUAL(scripted_clean(&engine), 1);
}

static void output_to_a_pipe(void)
{
	struct scripted engine;
	scripted_begin(&engine, me("-o -"));
	message_free(scripted_start(&engine, "x", 1));
	scripted_finish(&engine, profile, 1, PROBE__FINISHED__REASON__STOPPED);
	CU_ASSERT_EQUAL(scripted_end(&engine), 0);
	CU_ASSERT(holds_profile("out"));
	CU_ASSERT_PTR_NOT_NULL(strstr(engine.err, "Wrote to standard output  1 sample,"));
	CU_ASSERT_EQUAL(scripted_clean(&engine), 0);
}

static void full_output(void)
{
	setenv("TMPDIR", ".", 1);
	struct scripted engine;
	scripted_begin(&engine, me("-o /dev/full"));
	unsetenv("TMPDIR");
	message_free(scripted_start(&engine, "x", 1));
	scripted_finish(&engine, profile, 1, PROBE__FINISHED__REASON__STOPPED);
	CU_ASSERT_EQUAL(scripted_end(&engine), 1);
	CU_ASSERT(holds_profile(scripted_file(&engine)));
	CU_ASSERT_PTR_NOT_NULL(strstr(engine.err,
				      "probe: cannot write /dev/full: No space left on device\n"
				      "  hint: the profile is saved in ./x-1-"));
	CU_ASSERT_EQUAL(scripted_clean(&engine), 1);
}

static void nothing_sampled(void)
{
	const struct {
		int reason, status;
		const char *words;
	} cases[] = {
		{PROBE__FINISHED__REASON__DURATION, 6,
		 "probe: nothing was sampled: x used no CPU time in 2.5s\n"},
		{PROBE__FINISHED__REASON__TARGET_ENDED, 3,
		 "probe: x ended before a sample was taken\n"},
	};
	for (int i = 0; i < 2; i++) {
		struct scripted engine;
		scripted_begin(&engine, me("-d 2.5"));
		message_free(scripted_start(&engine, "x", 1));
		scripted_finish(&engine, profile, 0, cases[i].reason);
		CU_ASSERT_EQUAL(scripted_end(&engine), cases[i].status);
		CU_ASSERT_PTR_NOT_NULL(strstr(engine.err, cases[i].words));
		CU_ASSERT_EQUAL(scripted_clean(&engine), 0);
	}
}

static void refused_by_the_engine(void)
{
	struct scripted engine;
	scripted_begin(&engine, me("--json"));
	message_free(scripted_hear(&engine, PROBE__MESSAGE__KIND_HELLO));
	message_send_hello(engine.wire);
	message_free(scripted_hear(&engine, PROBE__MESSAGE__KIND_RECORD));
	struct err err = {0};
	err_set(&err, 0, ERR_PERMISSION, "permission denied");
	err_hint(&err, "ask");
	message_send_failed(engine.wire, &err);
	CU_ASSERT_EQUAL(scripted_end(&engine), ERR_PERMISSION);
	CU_ASSERT_PTR_NOT_NULL(strstr(engine.err, "\"message\":\"permission denied\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(engine.err, "\"code\":4"));
	CU_ASSERT_EQUAL(scripted_clean(&engine), 0);
}

static void hangs_up(void)
{
	struct scripted engine;
	scripted_begin(&engine, me(""));
	message_free(scripted_start(&engine, "x", 1));
	wire_free(engine.wire);
	engine.wire = NULL;
	CU_ASSERT_EQUAL(scripted_end(&engine), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(
		engine.err, "keeps the data.\nprobe: the daemon hung up: the recording is lost\n"));
	CU_ASSERT_EQUAL(scripted_clean(&engine), 0);
}

static void another_protocol(void)
{
	struct scripted engine;
	scripted_begin(&engine, me(""));
	Probe__Hello hello = PROBE__HELLO__INIT;
	hello.protocol = 2;
	Probe__Message message = PROBE__MESSAGE__INIT;
	message.kind_case = PROBE__MESSAGE__KIND_HELLO;
	message.hello = &hello;
	scripted_say(&engine, &message);
	CU_ASSERT_EQUAL(scripted_end(&engine), ERR_NO_DAEMON);
	begins_with(engine.err, "probe: the daemon speaks protocol 2, this program 1\n");
	CU_ASSERT_EQUAL(scripted_clean(&engine), 0);
}

static void no_hello(void)
{
	int fds[2];
	CU_ASSERT_FATAL(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
	struct daemon_link link = {0};
	struct err err = {0};
	CU_ASSERT(daemon_link_greet(&link, fds[0], 50, &err) < 0);
	CU_ASSERT_EQUAL(err.status, ERR_NO_DAEMON);
	CU_ASSERT_STRING_EQUAL(err.msg, "no answer from the daemon in 0.05 s");
	daemon_link_close(&link);
	close(fds[1]);

	CU_ASSERT_FATAL(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
	CU_ASSERT_EQUAL(write(fds[1], "HTTP/1.1 400 Bad Request\r\n", 26), 26);
	err = (struct err){0};
	CU_ASSERT(daemon_link_greet(&link, fds[0], 10000, &err) < 0);
	CU_ASSERT_EQUAL(err.status, ERR_NO_DAEMON);
	daemon_link_close(&link);
	close(fds[1]);
}

static void refused_before_connecting(void)
{
	const struct {
		const char *line;
		int status;
	} cases[] = {{"record -p 4194304 1s", 3}, {"record 1s", 2}, {"record -p 1 -o / 1s", 1}};
	for (int i = 0; i < 3; i++) {
		struct scripted engine;
		scripted_begin_alone(&engine, cases[i].line);
		CU_ASSERT_EQUAL(scripted_end(&engine), cases[i].status);
		begins_with(engine.err, "probe: ");
		CU_ASSERT_EQUAL(scripted_clean(&engine), 0);
	}
}

/* Sampling has begun for the client once it says so. */
static void wait_for_words(const struct scripted *engine)
{
	struct stat st;
	while ((stat("err", &st) || !st.st_size) && scripted_runs(engine))
		poll(NULL, 0, 1);
}

static void hear_stop(struct scripted *engine, bool abandon)
{
	Probe__Message *stop = scripted_hear(engine, PROBE__MESSAGE__KIND_STOP);
	CU_ASSERT_PTR_NOT_NULL_FATAL(stop);
	CU_ASSERT_EQUAL(stop->stop->abandon, abandon);
	message_free(stop);
}

static void signals_finish(void)
{
	const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	for (int i = 0; i < 3; i++) {
		struct scripted engine;
		scripted_begin(&engine, me("-o p"));
		message_free(scripted_start(&engine, "x", 1));
		wait_for_words(&engine);
		kill(engine.pid, signals[i]);
		hear_stop(&engine, false);
		if (signals[i] != SIGINT)
			kill(engine.pid, signals[i]); /* timeout(1) signals the group, too */
		scripted_finish(&engine, profile, 5, PROBE__FINISHED__REASON__STOPPED);
		CU_ASSERT_EQUAL(scripted_end(&engine), 0);
		CU_ASSERT(holds_profile("p"));
		CU_ASSERT_EQUAL(scripted_clean(&engine), 1);
	}
}

static void nohup(void)
{
	struct scripted engine;
	void (*hup)(int) = signal(SIGHUP, SIG_IGN), (*interrupt)(int) = signal(SIGINT, SIG_IGN);
	scripted_begin(&engine, me("-o p"));
	signal(SIGHUP, hup);
	signal(SIGINT, interrupt);
	message_free(scripted_start(&engine, "x", 1));
	wait_for_words(&engine);
	kill(engine.pid, SIGHUP);
	struct pollfd poller = {.fd = wire_fd(engine.wire), .events = POLLIN};
	CU_ASSERT_EQUAL(poll(&poller, 1, 50), 0);
	kill(engine.pid, SIGINT); /* a script's background job */
	hear_stop(&engine, false);
	scripted_finish(&engine, profile, 5, PROBE__FINISHED__REASON__STOPPED);
	CU_ASSERT_EQUAL(scripted_end(&engine), 0);
	CU_ASSERT_EQUAL(scripted_clean(&engine), 1);
}

/* Two turns of 300 and 200 ms; the second is connected before its turn and asks when it comes. */
static void every_so_often(void)
{
	struct scripted engine;
	scripted_begin(&engine, me("--every 300ms -d 0.5"));
	Probe__Message *record = scripted_start(&engine, "x", 1);
	CU_ASSERT_EQUAL(record->record->duration_ns, 300000000);
	message_free(record);
	struct wire *first = engine.wire;
	scripted_accept(&engine);
	struct wire *second = engine.wire;
	record = scripted_start(&engine, "x", 1);
	CU_ASSERT_EQUAL(record->record->duration_ns, 200000000);
	message_free(record);
	engine.wire = first;
	scripted_finish(&engine, profile, 5, PROBE__FINISHED__REASON__DURATION);
	engine.wire = second;
	scripted_finish(&engine, profile, 6, PROBE__FINISHED__REASON__DURATION);
	CU_ASSERT_EQUAL(scripted_end(&engine), 0);
	wire_free(first);
	begins_with(engine.err,
		    "Profiling x (1), 3 processes, 1,208 threads: cpu at 99 Hz and off-cpu, a file "
		    "every 300ms, for 500ms. Ctrl-C stops early and keeps the data.\n"
		    "Wrote x-1-");
	CU_ASSERT_PTR_NULL(strstr(engine.err, "Next:"));
	CU_ASSERT_EQUAL(scripted_clean(&engine), 2);
}

static void second_interrupt(void)
{
	struct scripted engine;
	scripted_begin(&engine, me("-o p"));
	message_free(scripted_start(&engine, "x", 1));
	wait_for_words(&engine);
	kill(engine.pid, SIGINT);
	hear_stop(&engine, false);
	while (scripted_runs(&engine)) { /* those that come at once are one with the first */
		kill(engine.pid, SIGINT);
		poll(NULL, 0, 20);
	}
	hear_stop(&engine, true);
	CU_ASSERT_EQUAL(scripted_end(&engine), ERR_ABANDONED);
	CU_ASSERT_PTR_NOT_NULL(strstr(engine.err, "\nprobe: abandoned: nothing was written\n"));
	CU_ASSERT_EQUAL(scripted_clean(&engine), 0);
}

/* argv is split at blanks, so that sh's are tabs. */
static void command_is_held(void)
{
	struct scripted engine;
	scripted_begin(&engine, "record -g -F 99 -o p -- sh -c echo\there;exit\t7");
	message_free(scripted_hear(&engine, PROBE__MESSAGE__KIND_HELLO));
	message_send_hello(engine.wire);
	Probe__Message *message = scripted_hear(&engine, PROBE__MESSAGE__KIND_RECORD);
	CU_ASSERT_PTR_NOT_NULL_FATAL(message);
	CU_ASSERT(message->record->on_exec);
	CU_ASSERT_EQUAL_FATAL(message->record->n_pids, 1);
	int pidfd = wire_take_fd(engine.wire);
	CU_ASSERT_FATAL(pidfd >= 0);
	char exe[64], held[300] = "", own[300] = "";
	snprintf(exe, sizeof(exe), "/proc/%u/exe", message->record->pids[0]);
	CU_ASSERT(readlink(exe, held, sizeof(held) - 1) > 0);
	CU_ASSERT(readlink("/proc/self/exe", own, sizeof(own) - 1) > 0);
	CU_ASSERT_STRING_EQUAL(held, own);
	struct pollfd ended = {.fd = pidfd, .events = POLLIN};
	CU_ASSERT_EQUAL(poll(&ended, 1, 0), 0);

	scripted_say_started(&engine, "probe", message->record->pids[0], 99);
	message_free(message);
	hear_stop(&engine, false);
	CU_ASSERT_EQUAL(poll(&ended, 1, 0), 1);
	close(pidfd);
	scripted_finish(&engine, profile, 5, PROBE__FINISHED__REASON__STOPPED);
	CU_ASSERT_EQUAL(scripted_end(&engine), 7);
	CU_ASSERT(holds_profile("p"));
	begins_with(engine.err, "Profiling sh (");
	CU_ASSERT_PTR_NOT_NULL(
		strstr(engine.err, "cpu at 99 Hz and off-cpu, while sh runs. Ctrl-C stops early"));
	struct stat st;
	CU_ASSERT(!stat("out", &st) && st.st_size == 5); /* its stdout is ours */
	CU_ASSERT_EQUAL(scripted_clean(&engine), 1);
}

static void command_beside_a_pid(void)
{
	struct scripted engine;
	scripted_begin(&engine, me("-o p true"));
	Probe__Message *message = scripted_start(&engine, "nginx", 42);
	CU_ASSERT(!message->record->on_exec);
	CU_ASSERT_EQUAL(message->record->n_pids, 1);
	message_free(message);
	hear_stop(&engine, false);
	scripted_finish(&engine, profile, 5, PROBE__FINISHED__REASON__STOPPED);
	CU_ASSERT_EQUAL(scripted_end(&engine), 0);
	begins_with(engine.err, "Profiling nginx (42), ");
	CU_ASSERT_EQUAL(scripted_clean(&engine), 1);
}

static void command_that_cannot_run(void)
{
	const struct {
		const char *line, *words;
		int status;
	} cases[] = {
		{"record /no/program", "probe: cannot run /no/program: No such file or directory\n",
		 127},
		{"record no-program-of-this-name x",
		 "probe: cannot run no-program-of-this-name: No such file or directory\n", 127},
		{"record /etc/passwd", "probe: cannot run /etc/passwd: Permission denied\n", 126},
	};
	for (int i = 0; i < 3; i++) {
		struct scripted engine;
		scripted_begin(&engine, cases[i].line);
		message_free(scripted_start(&engine, "probe", 1));
		hear_stop(&engine, true);
		CU_ASSERT_EQUAL(scripted_end(&engine), cases[i].status);
		CU_ASSERT_STRING_EQUAL(engine.err, cases[i].words);
		CU_ASSERT_EQUAL(scripted_clean(&engine), 0);
	}
}

/* The engine fails while CMD runs: CMD is not hurt, the failure is what counts. */
static void command_outlives_the_engine(void)
{
	struct scripted engine;
	scripted_begin(&engine,
		       "record -- sh -c until\ttest\t-e\tgo;do\tsleep\t0.01;done;echo\tend");
	message_free(scripted_start(&engine, "probe", 1));
	wait_for_words(&engine);
	wire_free(engine.wire);
	engine.wire = NULL;
	close(open("go", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	CU_ASSERT_EQUAL(scripted_end(&engine), 1);
	struct stat st;
	CU_ASSERT(!stat("out", &st) && st.st_size == 4);
	CU_ASSERT_PTR_NOT_NULL(strstr(engine.err, "\nprobe: the daemon hung up"));
	CU_ASSERT_EQUAL(scripted_clean(&engine), 1);
}

SUITE(record, {"whole recording", whole_recording}, {"output to a pipe", output_to_a_pipe},
      {"full output", full_output}, {"nothing sampled", nothing_sampled},
      {"refused by the engine", refused_by_the_engine}, {"engine hangs up", hangs_up},
      {"another protocol", another_protocol}, {"no hello", no_hello},
      {"refused before connecting", refused_before_connecting}, {"signals finish", signals_finish},
      {"nohup", nohup}, {"every so often", every_so_often}, {"second interrupt", second_interrupt},
      {"command is held", command_is_held}, {"command beside a PID", command_beside_a_pid},
      {"command that cannot run", command_that_cannot_run},
      {"command outlives the engine", command_outlives_the_engine});
