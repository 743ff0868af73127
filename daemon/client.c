/* SPDX-License-Identifier: Apache-2.0 */
/* A client goes through these states and only forward; from each, an end of its connection or a
 * failure leads to CLIENT_OVER:
 *
 *	HELLO → READY → RECORDING → NAMING → SENDING → OVER
 */
#include "daemon/client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>
#include <unistd.h>
#include "common/clock.h"
#include "common/err.h"
#include "common/escape.h"
#include "common/limits.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/profile.h"
#include "common/protocol.pb-c.h"
#include "common/wire.h"
#include "daemon/audit.h"
#include "daemon/build.h"
#include "daemon/engine.h"
#include "daemon/examine.h"
#include "daemon/holdings.h"
#include "daemon/news.h"
#include "daemon/packer.h"
#include "daemon/sampler.h"
#include "daemon/session.h"
#include "daemon/unwind_late.h"
#include "daemon/status.h"
#include "daemon/questions.h"

enum {
	CHUNK_BYTES = 128 << 10,
	QUEUE_BYTES = LIMIT_CLIENT_QUEUE_BYTES,
	ENDED_PER_UID = SESSIONS_MAX / 4,
	MESSAGES_LATE = 4, /* that are heard when the time is up: it asks with two */
};

struct client {
	struct engine *engine;
	struct wire *wire;
	sd_event_source *io;
	sd_event_source *deadline; /* of the recording's duration */
	enum {
		HELLO,
		READY,
		RECORDING,
		NAMING,
		SENDING,
		OVER
	} state;
	uint32_t uid;
	enum questions_kind asks; /* and waits for its turn */
	Probe__Message *record;	  /* the request, which the session borrows */
	struct session *session;
	bool said_started;
	struct examine *examine; /* the last one asked for */
	bool examines;		 /* and it is not answered yet */
	struct build *build;
	struct packed packed;
	size_t sent;
	bool said_finished;
	struct build_result result; /* without the profile */
	struct news news;
	uint64_t begun_ns;   /* when it connected */
	uint64_t taken_ns;   /* when it last took bytes, or had none waiting */
	size_t queued_bytes; /* then */
};

/* A recording begins or ends: the diary. */
static void note(const struct client *client, bool begins)
{
	const struct session *session = client->session;
	char name[256], target[300] = "all processes";
	uint32_t pid, uid;
	client_peer(client, &pid, &uid);
	escape_text(name, sizeof(name), session->name,
		    strnlen(session->name, sizeof(session->name)));
	if (!session->request->all)
		snprintf(target, sizeof(target), "%s (PID %" PRIu32 ")", name, session->first_pid);
	if (begins)
		audit_line("uid %" PRIu32 " (PID %" PRIu32 ") records %s at %.0f Hz", uid, pid,
			   target, session->hz);
	else
		audit_line("uid %" PRIu32 " (PID %" PRIu32 ") recorded %s: %" PRIu64
			   " samples, %" PRIu64 " lost",
			   uid, pid, target, session->tally.samples, session_lost(session));
}

static void finish(struct client *client)
{
	if (client->session && client->said_started)
		note(client, false);
	/* Who waits for an embedded engine's end does not wait for the next tick as well. Where
	 * others are served, whoever comes and goes would make ticks at will. */
	if (client->state != OVER && !client->engine->listener)
		sd_event_source_set_time(client->engine->tick, 0);
	client->state = OVER;
	examine_free(client->examine);
	client->examine = NULL;
	build_free(client->build);
	client->build = NULL;
	if (client->session) {
		client->engine->n_samples += client->session->tally.samples;
		client->engine->n_waits += client->session->tally.waits;
	}
	session_free(client->session);
	client->session = NULL;
}

/* A full queue or a closed socket ends the client: it is gone or does not read. */
static void say(struct client *client, const Probe__Message *message)
{
	if (client->state != OVER && message_send(client->wire, message, NULL, 0))
		finish(client);
}

static void fail(struct client *client, const struct err *err)
{
	if (client->state == OVER)
		return;
	message_send_failed(client->wire, err);
	finish(client);
}

void client_fail(struct client *client, const char *msg)
{
	struct err err = {0};
	err_set(&err, 0, ERR_FAILED, "%s", msg);
	fail(client, &err);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	client_tick(userdata);
	return 0;
}

/* The tick would end it up to 100 ms late. */
static void set_deadline(struct client *client)
{
	const struct session *session = client->session;
	uint64_t duration_ns = session_duration_ns(session), end_ns;
	/* Not relative: the loop's clock stands still while it takes targets. */
	if (duration_ns && !__builtin_add_overflow(session->started_ns, duration_ns, &end_ns))
		sd_event_add_time(client->engine->event, &client->deadline, CLOCK_MONOTONIC,
				  end_ns / 1000 + 1, 1000, on_deadline, client);
}

static void say_started(struct client *client)
{
	client->said_started = true;
	note(client, true);
	set_deadline(client);
	if (news_started(&client->news, client->session, client->wire))
		finish(client);
}

static void say_progress(struct client *client)
{
	if (news_progress(&client->news, client->session, client->build, client->wire))
		finish(client);
}

static void say_finished(struct client *client)
{
	client->said_finished = true;
	if (news_finished(client->session, &client->result, client->wire))
		finish(client);
}

/* Sends as much as the queue takes; called again when the socket took some. */
static void send_more(struct client *client)
{
	while (client->state == SENDING && client->sent < client->packed.n &&
	       wire_queued(client->wire) + CHUNK_BYTES < QUEUE_BYTES / 2) {
		size_t n = client->packed.n - client->sent;
		if (n > CHUNK_BYTES)
			n = CHUNK_BYTES;
		Probe__Chunk chunk = PROBE__CHUNK__INIT;
		chunk.data.data = client->packed.at + client->sent;
		chunk.data.len = n;
		Probe__Message message = PROBE__MESSAGE__INIT;
		message.kind_case = PROBE__MESSAGE__KIND_CHUNK;
		message.chunk = &chunk;
		client->sent += n;
		say(client, &message);
	}
	if (client->state == SENDING && client->sent == client->packed.n && !client->said_finished)
		say_finished(client);
	if (client->state == SENDING && client->said_finished && !wire_queued(client->wire))
		finish(client);
}

static void watch(struct client *client);

static void on_built(void *context, const struct build_result *result)
{
	struct client *client = context;
	struct err err = {0};
	client->result = *result;
	int code = packer_pack(result->profile, &client->packed, &err);
	profile_free(result->profile);
	client->result.profile = NULL;
	if (code) {
		fail(client, &err);
		return;
	}
	client->state = SENDING; /* from the loop: the builder is still at work here */
	watch(client);
}

static void begin_naming(struct client *client)
{
	client->state = NAMING;
	examine_free(client->examine); /* its answer would have to share the queue */
	client->examine = NULL;
	client->build = build_new(client->engine->symbolizer, client->engine->sampler,
				  client->session, on_built, client);
}

static void on_hello(struct client *client, const Probe__Hello *hello)
{
	struct err err = {0};
	if (message_send_hello(client->wire)) {
		finish(client);
		return;
	}
	client->state = READY;
	if (hello->protocol == MESSAGE_PROTOCOL)
		return;
	err_set(&err, -EPROTO, ERR_NO_DAEMON, "protocol %" PRIu32 " is not spoken here, but %d",
		hello->protocol, MESSAGE_PROTOCOL);
	fail(client, &err);
}

/* Who asks for a recording that cannot begin, or passes what is not taken. */
static void refuse(struct client *client, const struct err *err)
{
	char why[sizeof(err->msg)];
	uint32_t pid, uid;
	client_peer(client, &pid, &uid);
	escape_text(why, sizeof(why), err->msg, strlen(err->msg)); /* it may quote the client */
	if (err->status == ERR_PERMISSION)
		audit_problem("uid %" PRIu32 " (PID %" PRIu32 ") was refused: %s", uid, pid, why);
	fail(client, err);
}

/* One user does not take all the places with recordings that are over. */
static int check_ended(const struct client *client, struct err *err)
{
	uint32_t n = holdings_ended(client->engine->sampler, client->uid);
	if (n < ENDED_PER_UID)
		return 0;
	return err_set(err, -EBUSY, ERR_PERMISSION,
		       "uid %" PRIu32 " has %" PRIu32
		       " recordings already that have ended but are not read to their end",
		       client->uid, n);
}

static void begin_recording(struct client *client)
{
	struct err err = {0};
	int fds[LIMIT_TARGETS];
	uint32_t n = 0;
	for (int fd; n < LIMIT_TARGETS && (fd = wire_take_fd(client->wire)) >= 0;)
		fds[n++] = fd;
	client->state = RECORDING;
	client->engine->n_recordings++;
	int code = engine_prepare(client->engine, &err);
	uint64_t began_ns = clock_now_ns(); /* to load the programs is for all who come after */
	if (!code)
		code = check_ended(client, &err);
	if (!code)
		code = session_new(client->engine->sampler, client->record->record,
				   wire_fd(client->wire), &client->session, &err);
	if (!code) {
		client->session->uid = client->uid;
		code = session_start(client->session, fds, n, &err);
	}
	for (uint32_t i = 0; i < n; i++)
		close(fds[i]);
	uint64_t now_ns = clock_now_ns();
	questions_charge(&client->engine->questions, client->uid, now_ns, now_ns - began_ns);
	if (code)
		refuse(client, &err);
	else if (client->session->state == SESSION_SAMPLING)
		say_started(client);
}

static void on_examined(void *context, Probe__Examine *answer)
{
	Probe__Message message = PROBE__MESSAGE__INIT;
	message.kind_case = PROBE__MESSAGE__KIND_EXAMINE;
	message.examine = answer;
	((struct client *)context)->examines = false;
	say(context, &message);
}

/* When the recording is over the client sees that anyway. */
static void on_examine(struct client *client, const Probe__Examine *asked)
{
	struct err err = {0};
	const struct session *session = client->session;
	if (client->state != RECORDING || session->state != SESSION_SAMPLING)
		return;
	if (client->examines)
		err_set(&err, -EBUSY, ERR_FAILED,
			"what is there of a process is asked for before the last answer");
	else if (!session_has(session, asked->pid))
		err_set(&err, -ESRCH, ERR_NO_PROCESS, "PID %" PRIu32 " is not recorded",
			asked->pid);
	if (err_is_set(&err)) {
		fail(client, &err);
		return;
	}
	examine_free(client->examine);
	client->examine = NULL;
	client->examines = true;
	client->examine = examine_new(client->engine->symbolizer, session->sampler, asked->pid,
				      on_examined, client);
}

static void on_stop(struct client *client, const Probe__Stop *stop)
{
	if (stop->has_abandon && stop->abandon) {
		finish(client);
		return;
	}
	if (client->state != RECORDING)
		return;
	session_stop(client->session, stop->target_ended ? PROBE__FINISHED__REASON__TARGET_ENDED
							 : PROBE__FINISHED__REASON__STOPPED);
}

void client_stop(struct client *client)
{
	const Probe__Stop stop = PROBE__STOP__INIT;
	if (client->state < RECORDING)
		client_fail(client, "the daemon is being stopped");
	else
		on_stop(client, &stop);
}

/* When its turn has come. Whoever asks is heard on: `probe status` may ask again. */
static void answer(struct client *client, enum questions_kind asks)
{
	struct engine *engine = client->engine;
	client->asks = asks;
	if (!asks || client->state != READY) /* it may have left */
		return;
	if (asks == QUESTIONS_RECORD) {
		if (!questions_may_begin(&engine->questions, client->uid, clock_now_ns()))
			return;
		client->asks = QUESTIONS_NONE;
		begin_recording(client);
		return;
	}
	if (!questions_take(&engine->questions, client->uid, asks))
		return;
	client->asks = QUESTIONS_NONE;
	client->begun_ns = clock_now_ns();
	if ((asks == QUESTIONS_STATUS ? status_send : status_send_list)(engine, client->wire))
		finish(client);
}

/* Takes the message. */
static void on_message(struct client *client, Probe__Message *message)
{
	struct err err = {0};
	if (client->state == HELLO && message->kind_case == PROBE__MESSAGE__KIND_HELLO) {
		on_hello(client, message->hello);
	} else if (client->state == READY && message->kind_case == PROBE__MESSAGE__KIND_RECORD) {
		client->record = message;
		answer(client, QUESTIONS_RECORD);
		return;
	} else if (client->state == READY && message->kind_case == PROBE__MESSAGE__KIND_STATUS) {
		answer(client, QUESTIONS_STATUS);
	} else if (client->state == READY && message->kind_case == PROBE__MESSAGE__KIND_LIST) {
		answer(client, QUESTIONS_LIST);
	} else if (client->state > READY && message->kind_case == PROBE__MESSAGE__KIND_STOP) {
		on_stop(client, message->stop);
	} else if (client->state > READY && message->kind_case == PROBE__MESSAGE__KIND_EXAMINE) {
		on_examine(client, message->examine);
	} else if (message->kind_case != PROBE__MESSAGE__KIND__NOT_SET || client->state == HELLO) {
		err_set(&err, -EPROTO, ERR_FAILED, "a message out of order");
		fail(client, &err);
	}
	message_free(message);
}

static void refuse_fds(struct client *client)
{
	struct err err = {0};
	err_set(&err, -EOPNOTSUPP, ERR_PERMISSION,
		"file descriptors are taken of root alone, not of uid %" PRIu32, client->uid);
	refuse(client, &err);
}

/* A client that asks is not heard until it has its answer and has read it: that bounds what it
 * makes us do and hold. A recording's Stop is heard all the same. */
static bool may_speak(const struct client *client)
{
	return client->state != OVER &&
	       (client->state > READY || (!client->asks && !wire_queued(client->wire)));
}

/* One message: then other clients have their turn. */
static void hear(struct client *client)
{
	Probe__Message *message = NULL;
	int result = may_speak(client) ? message_receive(client->wire, &message) : WIRE_AGAIN;
	if (result == WIRE_FRAME)
		on_message(client, message);
	else if (result == -EOPNOTSUPP)
		refuse_fds(client);
	else if (result == -EPROTO)
		client_fail(client, "that is no message of the protocol, or too long a one");
	else if (result != WIRE_AGAIN)
		finish(client); /* gone */
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct client *client = userdata;
	/* While it waits for its turn its end would be told again and again. */
	bool left = client->asks && (revents & (EPOLLHUP | EPOLLERR));
	if (client->state != OVER && (left || wire_flush(client->wire)))
		finish(client);
	hear(client);
	client_tick(client);
	return 0;
}

static void watch(struct client *client)
{
	if (client->state == OVER) {
		sd_event_source_set_enabled(client->io, SD_EVENT_OFF);
		return;
	}
	uint32_t events = may_speak(client) ? EPOLLIN : 0;
	if (wire_queued(client->wire) || client->state == SENDING)
		events |= EPOLLOUT;
	sd_event_source_set_io_events(client->io, events);
}

static void tick_recording(struct client *client)
{
	struct err err = {0};
	if (session_tick(client->session, &err)) {
		fail(client, &err);
		return;
	}
	if (client->session->state < SESSION_SAMPLING)
		return;
	if (!client->said_started && client->session->state == SESSION_SAMPLING)
		say_started(client);
	if (client->state != RECORDING)
		return; /* nobody there to be told: the session is gone */
	bool stopped = client->session->state == SESSION_STOPPED;
	if (stopped && unwind_late_is_empty(client->session->sampler->late))
		begin_naming(client);
	else if (!stopped)
		say_progress(client);
}

static bool is_late(const struct client *client)
{
	return client->state <= READY && !client->asks &&
	       clock_now_ns() - client->begun_ns > LIMIT_HANDSHAKE_SECONDS * 1000000000ull;
}

/* Whoever does not say what it wants, or does not take what it asked for, is let go. */
static void check_times(struct client *client)
{
	struct err err = {0};
	uint64_t now = clock_now_ns();
	size_t queued = wire_queued(client->wire);
	if (!queued || queued < client->queued_bytes)
		client->taken_ns = now;
	client->queued_bytes = queued;
	/* What it wants may have come while we were busy. */
	for (int i = 0; i < MESSAGES_LATE && is_late(client); i++)
		hear(client);
	if (client->state == OVER)
		return;
	if (is_late(client)) {
		err_set(&err, -ETIMEDOUT, ERR_FAILED, "nothing was asked for in %d s",
			LIMIT_HANDSHAKE_SECONDS);
		fail(client, &err);
	} else if (now - client->taken_ns > LIMIT_STALL_SECONDS * 1000000000ull) {
		finish(client);
	}
}

void client_tick(struct client *client)
{
	answer(client, client->asks);
	if (client->state != OVER)
		check_times(client);
	if (client->state == RECORDING)
		tick_recording(client);
	if (client->state == NAMING)
		say_progress(client);
	if (client->state == SENDING)
		send_more(client);
	watch(client);
}

bool client_is_over(const struct client *client)
{
	return client->state == OVER;
}

uint64_t client_undecided_ns(const struct client *client)
{
	return client->state <= READY && !client->asks ? client->begun_ns : UINT64_MAX;
}

struct client *client_new(struct engine *engine, int socket_take)
{
	struct client *client = memory_new(1, sizeof(*client));
	client->engine = engine;
	client->begun_ns = client->taken_ns = clock_now_ns();
	client->wire = wire_new(socket_take, QUEUE_BYTES);
	if (!client->wire || sd_event_add_io(engine->event, &client->io, wire_fd(client->wire),
					     EPOLLIN, on_io, client) < 0) {
		client_free(client);
		return NULL;
	}
	/* Another user's fd can hang who closes it: his processes are taken by their numbers, of
	 * which the broker makes pidfds itself. */
	uint32_t pid;
	client_peer(client, &pid, &client->uid);
	if (client->uid)
		wire_refuse_fds(client->wire);
	wire_set_limit(client->wire, LIMIT_REQUEST_BYTES);
	return client;
}

void client_free(struct client *client)
{
	if (!client)
		return;
	finish(client);
	sd_event_source_disable_unref(client->io);
	sd_event_source_disable_unref(client->deadline);
	if (client->wire)
		engine_close(client->engine, wire_free_but_socket(client->wire));
	message_free(client->record);
	free(client->packed.at);
	free(client);
}

const struct session *client_session(const struct client *client)
{
	return client->session;
}

void client_peer(const struct client *client, uint32_t *pid, uint32_t *uid)
{
	struct ucred peer = {0};
	socklen_t bytes = sizeof(peer);
	if (getsockopt(wire_fd(client->wire), SOL_SOCKET, SO_PEERCRED, &peer, &bytes))
		peer = (struct ucred){0};
	*pid = (uint32_t)peer.pid;
	*uid = peer.uid;
}
