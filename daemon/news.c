/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/news.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "common/clock.h"
#include "common/escape.h"
#include "common/message.h"
#include "common/protocol.pb-c.h"
#include "daemon/build.h"
#include "daemon/session.h"

static const uint64_t PROGRESS_NS = 500 * 1000 * 1000;

int news_started(struct news *news, const struct session *session, struct wire *wire)
{
	char name[256];
	escape_text(name, sizeof(name), session->name,
		    strnlen(session->name, sizeof(session->name)));
	Probe__Started started = PROBE__STARTED__INIT;
	started.name = session->request->all ? (char *)"all processes" : name;
	started.has_pid = started.has_processes = started.has_threads = started.has_hz = 1;
	started.pid = session->first_pid;
	started.processes = session->members.n_alive;
	started.threads = session->n_threads > session->members.n_alive ? session->n_threads
									: session->members.n_alive;
	started.hz = session_hz(session);
	Probe__Message message = PROBE__MESSAGE__INIT;
	message.kind_case = PROBE__MESSAGE__KIND_STARTED;
	message.started = &started;
	news->told_ns = clock_now_ns();
	return message_send(wire, &message, NULL, 0);
}

int news_progress(struct news *news, const struct session *session, const struct build *build,
		  struct wire *wire)
{
	uint64_t now = clock_now_ns(), counted = session->tally.counted;
	if (now - news->told_ns < PROGRESS_NS)
		return 0;
	Probe__Progress progress = PROBE__PROGRESS__INIT;
	progress.has_phase = progress.has_elapsed_ns = progress.has_samples = 1;
	progress.has_lost = progress.has_done = progress.has_all = 1;
	progress.has_cpu = session_samples(session) && session_is_timed(session);
	progress.has_waits = session_waits(session);
	progress.phase = build ? PROBE__PROGRESS__PHASE__NAMING : PROBE__PROGRESS__PHASE__SAMPLING;
	progress.elapsed_ns = now - session->started_ns;
	progress.samples = session->tally.samples;
	progress.waits = session->tally.waits;
	progress.lost = session_lost(session);
	progress.cpu = (double)(counted - news->counted) / (double)(now - news->told_ns);
	if (build)
		build_progress(build, &progress.done, &progress.all);
	Probe__Message message = PROBE__MESSAGE__INIT;
	message.kind_case = PROBE__MESSAGE__KIND_PROGRESS;
	message.progress = &progress;
	news->told_ns = now;
	news->counted = counted;
	return message_send(wire, &message, NULL, 0);
}

/* What else is to be known of how it went, the most important of it. Whether there is any. */
static bool note(const struct session *session, const struct build_result *result, char *text,
		 size_t n)
{
	if (session_note(session, text, n))
		return true;
	if (result->forbidden) {
		snprintf(text, n,
			 "%" PRIu32 " file%s not be read for want of a capability: the report has "
			 "its notes",
			 result->forbidden, result->forbidden == 1 ? " could" : "s could");
		return true;
	}
	if (session->reason != PROBE__FINISHED__REASON__TARGET_ENDED ||
	    !session->request->duration_ns)
		return false;
	snprintf(text, n, "PID %" PRIu32 " ended after %.1f s", session->first_pid,
		 (double)(session->stopped_ns - session->started_ns) / 1e9);
	return true;
}

int news_finished(const struct session *session, const struct build_result *result,
		  struct wire *wire)
{
	char text[128];
	Probe__Finished finished = PROBE__FINISHED__INIT;
	finished.has_reason = finished.has_samples = finished.has_stacks = 1;
	finished.has_whole = finished.has_named = finished.has_lost = finished.has_duration_ns = 1;
	finished.has_waits = session_waits(session);
	finished.reason = session->reason;
	finished.samples = result->samples;
	finished.waits = session->tally.waits;
	finished.stacks = result->stacks;
	finished.whole = result->whole;
	finished.named = result->named;
	finished.nameless = *result->nameless ? (char *)result->nameless : NULL;
	finished.lost = result->lost;
	finished.duration_ns = session->stopped_ns - session->started_ns;
	if (note(session, result, text, sizeof(text)))
		finished.note = text;
	Probe__Message message = PROBE__MESSAGE__INIT;
	message.kind_case = PROBE__MESSAGE__KIND_FINISHED;
	message.finished = &finished;
	return message_send(wire, &message, NULL, 0);
}
