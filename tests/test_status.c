/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/list.h"
#include "common/err.h"
#include "common/message.h"
#include "common/protocol.pb-c.h"
#include "tests/scripted.h"
#include "tests/unit.h"

static void greet(struct scripted *engine, int kind)
{
	message_free(scripted_hear(engine, PROBE__MESSAGE__KIND_HELLO));
	message_send_hello(engine->wire);
	Probe__Message *question = scripted_hear(engine, kind);
	CU_ASSERT_PTR_NOT_NULL(question);
	message_free(question);
}

static const char *output(void)
{
	static char text[4096];
	int fd = open("out", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void answer_status(struct scripted *engine)
{
	Probe__Status__Session session = PROBE__STATUS__SESSION__INIT;
	session.name = (char *)"ngi\033nx";
	session.pid = 42;
	session.hz = 99;
	session.samples = 1204;
	session.elapsed_ns = 2500000000;
	session.duration_ns = 30000000000;
	session.has_pid = session.has_hz = session.has_samples = session.has_elapsed_ns = 1;
	session.has_duration_ns = 1;
	Probe__Status__Session *sessions[] = {&session};
	Probe__Status__Count count = PROBE__STATUS__COUNT__INIT;
	count.name = (char *)"ring_full";
	count.value = 3;
	Probe__Status__Count *lost[] = {&count};
	Probe__Status status = PROBE__STATUS__INIT;
	status.version = (char *)"0.1";
	status.session = sessions;
	status.n_session = 1;
	status.lost = lost;
	status.n_lost = 1;
	Probe__Message message = PROBE__MESSAGE__INIT;
	message.kind_case = PROBE__MESSAGE__KIND_STATUS;
	message.status = &status;
	scripted_say(engine, &message);
}

static void status(void)
{
	struct scripted engine;
	scripted_begin(&engine, "status");
	greet(&engine, PROBE__MESSAGE__KIND_STATUS);
	answer_status(&engine);
	CU_ASSERT_EQUAL(scripted_end(&engine), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(output(), "probed 0.1, up "));
	CU_ASSERT_PTR_NOT_NULL(strstr(output(), "lost since the start: ring_full 3\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(output(), " 42  ngi\\x1bnx  99     2.5s  30s    1,204 "));
	CU_ASSERT_EQUAL(scripted_clean(&engine), 0);
}

static void status_for_programs(void)
{
	struct scripted engine;
	scripted_begin(&engine, "status --json");
	greet(&engine, PROBE__MESSAGE__KIND_STATUS);
	answer_status(&engine);
	CU_ASSERT_EQUAL(scripted_end(&engine), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(output(), "\"frequency_hz\":99,"));
	CU_ASSERT_PTR_NOT_NULL(strstr(output(), "\"lost\":{\"ring_full\":3}}\n"));
	CU_ASSERT_EQUAL(scripted_clean(&engine), 0);
}

static void refused(void)
{
	struct scripted engine;
	scripted_begin(&engine, "status");
	greet(&engine, PROBE__MESSAGE__KIND_STATUS);
	struct err err = {0};
	err_set(&err, 0, ERR_PERMISSION, "permission denied");
	message_send_failed(engine.wire, &err);
	CU_ASSERT_EQUAL(scripted_end(&engine), ERR_PERMISSION);
	CU_ASSERT_STRING_EQUAL(engine.err, "probe: permission denied\n");
	CU_ASSERT_EQUAL(scripted_clean(&engine), 0);
}

static void say_list(struct scripted *engine, uint32_t pid, bool kernel, bool last)
{
	Probe__List__Process process = PROBE__LIST__PROCESS__INIT;
	process.has_pid = process.has_kernel = process.has_uid = process.has_threads = 1;
	process.pid = pid;
	process.kernel = kernel;
	process.uid = 4000000001;
	process.threads = 7;
	process.comm = (char *)"na\nme";
	Probe__List__Process *processes[] = {&process};
	Probe__List list = PROBE__LIST__INIT;
	list.process = processes;
	list.n_process = 1;
	list.has_last = 1;
	list.last = last;
	Probe__Message message = PROBE__MESSAGE__INIT;
	message.kind_case = PROBE__MESSAGE__KIND_LIST;
	message.list = &list;
	scripted_say(engine, &message);
}

static void list_in_parts(void)
{
	struct scripted engine;
	scripted_begin(&engine, "list");
	greet(&engine, PROBE__MESSAGE__KIND_LIST);
	say_list(&engine, 43, false, false);
	say_list(&engine, 2, true, false);
	say_list(&engine, 42, false, true);
	CU_ASSERT_EQUAL(scripted_end(&engine), 0);
	CU_ASSERT_STRING_EQUAL(output(), "PID  PARENT  THREADS  USER        NAME\n"
					 " 42       0        7  4000000001  na\\x0ame\n"
					 " 43       0        7  4000000001  na\\x0ame\n");
	CU_ASSERT_EQUAL(scripted_clean(&engine), 0);
}

static void nobody_listens(void)
{
	struct scripted engine;
	scripted_begin_alone(&engine, "--socket nobody status");
	CU_ASSERT_EQUAL(scripted_end(&engine), ERR_NO_DAEMON);
	CU_ASSERT(!strncmp(engine.err, "probe: no daemon listens on nobody\n", 35));
	CU_ASSERT_EQUAL(scripted_clean(&engine), 0);
}

SUITE(status, {"status", status}, {"status for programs", status_for_programs},
      {"refused", refused}, {"list in parts", list_in_parts}, {"nobody listens", nobody_listens});
