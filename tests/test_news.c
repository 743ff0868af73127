/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/news.h"

#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/message.h"
#include "common/protocol.pb-c.h"
#include "common/wire.h"
#include "daemon/build.h"
#include "daemon/sampler.h"
#include "daemon/session.h"
#include "tests/unit.h"

struct setting {
	struct wire *engine, *client;
	Probe__Record request;
	struct sampler sampler;
	struct session session;
};

/* A recording that has ended by itself, of 10 s that it should have taken. */
static void set(struct setting *setting)
{
	int fds[2];
	*setting = (struct setting){.request = PROBE__RECORD__INIT};
	CU_ASSERT_FATAL(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
	setting->engine = wire_new(fds[0], 4 << 20);
	setting->client = wire_new(fds[1], 4 << 20);
	setting->request.duration_ns = 10000000000;
	setting->request.mode = PROBE__RECORD__MODE__CPU;
	setting->session = (struct session){.sampler = &setting->sampler,
					    .request = &setting->request,
					    .state = SESSION_STOPPED,
					    .started_ns = 1000000000,
					    .stopped_ns = 3500000000,
					    .reason = PROBE__FINISHED__REASON__TARGET_ENDED,
					    .first_pid = 42,
					    .name = "ngi\033nx"};
}

static void clear(struct setting *setting)
{
	wire_free(setting->engine);
	wire_free(setting->client);
}

static Probe__Message *next(struct setting *setting)
{
	Probe__Message *message = NULL;
	return message_receive(setting->client, &message) == WIRE_FRAME ? message : NULL;
}

static void says_who_is_recorded(void)
{
	struct setting setting;
	struct news news = {0};
	set(&setting);
	setting.session.hz = 99;
	setting.session.n_threads = 5;
	setting.session.members.n_alive = 2;
	CU_ASSERT_EQUAL(news_started(&news, &setting.session, setting.engine), 0);
	Probe__Message *message = next(&setting);
	CU_ASSERT_PTR_NOT_NULL_FATAL(message);
	CU_ASSERT_EQUAL_FATAL(message->kind_case, PROBE__MESSAGE__KIND_STARTED);
	CU_ASSERT_STRING_EQUAL(message->started->name, "ngi\\x1bnx");
	CU_ASSERT_EQUAL(message->started->pid, 42);
	CU_ASSERT_EQUAL(message->started->processes, 2);
	CU_ASSERT_EQUAL(message->started->threads, 5);
	CU_ASSERT_EQUAL(message->started->hz, 99);
	message_free(message);
	clear(&setting);
}

static void tells_what_came_since_the_last(void)
{
	struct setting setting;
	set(&setting);
	setting.session.tally.samples = 7;
	setting.session.tally.counted = 5000000000;
	struct news news = {.told_ns = clock_now_ns(), .counted = 1000000000};
	CU_ASSERT_EQUAL(news_progress(&news, &setting.session, NULL, setting.engine), 0);
	CU_ASSERT_PTR_NULL(next(&setting)); /* too soon */
	uint64_t before_ns = clock_now_ns();
	news.told_ns = before_ns - 2000000000;
	CU_ASSERT_EQUAL(news_progress(&news, &setting.session, NULL, setting.engine), 0);
	Probe__Message *message = next(&setting);
	CU_ASSERT_PTR_NOT_NULL_FATAL(message);
	CU_ASSERT_EQUAL_FATAL(message->kind_case, PROBE__MESSAGE__KIND_PROGRESS);
	CU_ASSERT_EQUAL(message->progress->phase, PROBE__PROGRESS__PHASE__SAMPLING);
	CU_ASSERT_EQUAL(message->progress->samples, 7);
	CU_ASSERT(message->progress->has_cpu && !message->progress->has_waits);
	double since = (double)(news.told_ns - before_ns + 2000000000);
	CU_ASSERT_DOUBLE_EQUAL(message->progress->cpu, 4e9 / since, 1e-9);
	CU_ASSERT_EQUAL(news.counted, 5000000000);
	message_free(message);
	clear(&setting);
}

static void expect_note(struct setting *setting, uint32_t forbidden, const char *note)
{
	const struct build_result result = {
		.samples = 3, .stacks = 2, .whole = 0.5, .named = 0.25, .forbidden = forbidden};
	CU_ASSERT_EQUAL(news_finished(&setting->session, &result, setting->engine), 0);
	Probe__Message *message = next(setting);
	CU_ASSERT_PTR_NOT_NULL_FATAL(message);
	CU_ASSERT_EQUAL_FATAL(message->kind_case, PROBE__MESSAGE__KIND_FINISHED);
	CU_ASSERT_EQUAL(message->finished->reason, setting->session.reason);
	CU_ASSERT_EQUAL(message->finished->samples, 3);
	CU_ASSERT_EQUAL(message->finished->stacks, 2);
	CU_ASSERT_EQUAL(message->finished->whole, 0.5);
	CU_ASSERT_EQUAL(message->finished->named, 0.25);
	CU_ASSERT_EQUAL(message->finished->duration_ns, 2500000000);
	if (note)
		CU_ASSERT_STRING_EQUAL(message->finished->note, note)
	else
		CU_ASSERT(!message->finished->note || !*message->finished->note);
	message_free(message);
}

static void notes_what_matters_most(void)
{
	struct setting setting;
	set(&setting);
	expect_note(&setting, 0, "PID 42 ended after 2.5 s");
	expect_note(&setting, 1,
		    "1 file could not be read for want of a capability: the report has its notes");
	expect_note(&setting, 2,
		    "2 files could not be read for want of a capability: the report has its notes");
	setting.session.n_refused = 1;
	expect_note(&setting, 2, "1 process was left out, which the user may not profile");
	setting.session.too_large = true;
	setting.session.rights.bytes_max = 512 << 20;
	expect_note(&setting, 2,
		    "ended before its time: it held, with others of its user, 512 MB, all that it "
		    "may");
	setting.session.too_large = false;
	setting.session.n_refused = 0;
	setting.session.reason = PROBE__FINISHED__REASON__DURATION;
	expect_note(&setting, 0, NULL);
	setting.session.reason = PROBE__FINISHED__REASON__TARGET_ENDED;
	setting.request.duration_ns = 0; /* until it ends: nothing to remark on */
	expect_note(&setting, 0, NULL);
	clear(&setting);
}

SUITE(news, {"says who is recorded", says_who_is_recorded},
      {"tells what came since the last", tells_what_came_since_the_last},
      {"notes what matters most", notes_what_matters_most});
