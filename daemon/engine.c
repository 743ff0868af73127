/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/engine.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "common/array.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/limits.h"
#include "common/message.h"
#include "common/wire.h"
#include "daemon/asker.h"
#include "daemon/client.h"
#include "daemon/confine.h"
#include "daemon/launch.h"
#include "daemon/listener.h"
#include "daemon/symbolizer.h"
#include "daemon/objects.h"
#include "daemon/sampler.h"
#include "daemon/unwind_late.h"
#include "daemon/unwind_loader.h"

/* How often the ring is drained and clients are looked after. The ring wakes us before when it
 * fills; 10 wake-ups a second are 0.02 % of a CPU. */
static const uint64_t TICK_US = 100 * 1000;
#ifdef TYPES_SMALL /* for tests */
static const uint64_t ALONE_US = 1000 * 1000;
#else
static const uint64_t ALONE_US = 60 * 1000 * 1000;
#endif

/* After SIGTERM, for names and for clients to read their profiles. */
static const uint64_t STOP_US = 20 * 1000 * 1000;

static void drain(struct engine *engine)
{
	if (engine->sampler)
		sampler_drain(engine->sampler);
}

void engine_close(struct engine *engine, int socket_take)
{
	if (wire_drain(socket_take))
		close(socket_take);
	else
		*array_add(&engine->loaded) = socket_take;
}

/* Where the broker has no child for them they wait for the next time. */
static void discard(struct engine *engine)
{
	while (engine->loaded.n) {
		uint32_t n =
			engine->loaded.n < DISCARDS_AT_ONCE ? engine->loaded.n : DISCARDS_AT_ONCE;
		if (asker_discard(engine->asker, engine->loaded.at + engine->loaded.n - n, n, NULL))
			break;
		engine->loaded.n -= n;
	}
}

/* Those that are over leave. */
static void part(struct engine *engine)
{
	for (uint32_t i = engine->n_clients; i-- > 0;) {
		if (!client_is_over(engine->clients[i]))
			continue;
		client_free(engine->clients[i]);
		engine->clients[i] = engine->clients[--engine->n_clients];
	}
}

/* Each time another one is the first: those who wait for their turn to ask get it. */
static void tick_clients(struct engine *engine)
{
	uint32_t first = engine->first_client++;
	questions_renew(&engine->questions);
	for (uint32_t i = 0; i < engine->n_clients; i++)
		if (client_session(engine->clients[i]))
			engine->used_ns = clock_now_ns();
	for (uint32_t i = 0; i < engine->n_clients; i++)
		client_tick(engine->clients[(first + i) % engine->n_clients]);
	part(engine);
}

/* Nobody there: nothing to do until somebody comes. A tick that is due is not put off: clients that
 * come and go all the time would keep the ring from being drained. */
static int arm_tick(struct engine *engine)
{
	if (!engine->resting && sd_event_source_get_enabled(engine->tick, NULL) > 0)
		return 0;
	engine->resting = false;
	sd_event_source_set_time_relative(engine->tick, TICK_US);
	return sd_event_source_set_enabled(engine->tick, SD_EVENT_ONESHOT);
}

/* Everything that came with the first recording, in the broker, too: programs and maps of 40 MB.
 * What they counted stays. */
static void unload(struct engine *engine)
{
	/* Where the broker keeps it, it would not load it anew. */
	if (asker_unload(engine->asker, NULL))
		return;
	counters_add(engine->sampler->counters, &engine->past);
	sd_event_source_disable_unref(engine->ring);
	unwind_loader_free(engine->loader);
	symbolizer_free(engine->symbolizer);
	sampler_free(engine->sampler);
	engine->ring = NULL;
	engine->loader = NULL;
	engine->symbolizer = NULL;
	engine->sampler = NULL;
	engine->thrift = (struct thrift){0}; /* both went by what the sampler had seen */
	engine->early = (struct early){0};
	engine->sweep = (struct sweep){0};
	malloc_trim(0);
}

/* Objects are kept for the next recording, which then has their tables and names at once. But each
 * holds its file open, so that no file system can be unmounted: some thousands are let go at once.
 * When nobody has recorded for a while all goes: who only asks how we are (each minute, for
 * metrics) does not keep it. */
static int rest(struct engine *engine)
{
	bool long_ago = clock_now_ns() - engine->used_ns >= ALONE_US * 1000;
	engine->resting = true;
	if (!engine->sampler)
		return 0;
	if (unwind_loader_is_ready(engine->loader)) {
		if (long_ago) {
			unload(engine);
			return 0;
		}
		if (objects_held(engine->sampler->objects) > OBJECTS_KEPT &&
		    symbolizer_clear(engine->symbolizer)) {
			unwind_loader_evict(engine->loader);
			objects_clear(engine->sampler->objects);
		}
	}
	sd_event_source_set_time_relative(engine->tick, ALONE_US);
	return sd_event_source_set_enabled(engine->tick, SD_EVENT_ONESHOT);
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct engine *engine = userdata;
	drain(engine);
	if (engine->sampler) {
		thrift_look(&engine->thrift, engine->sampler);
		if (sweep_look(&engine->sweep, engine->sampler, engine->symbolizer))
			engine->early = (struct early){0};
		early_look(&engine->early, engine->sampler, engine->symbolizer);
	}
	tick_clients(engine);
	discard(engine);
	if (engine->n_clients || engine->loaded.n)
		return arm_tick(engine);
	return engine->listener ? rest(engine) : sd_event_exit(engine->event, 0);
}

static int on_ring(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	drain(userdata);
	return 0;
}

static void fail_clients(struct engine *engine, const char *msg)
{
	for (uint32_t i = 0; i < engine->n_clients; i++)
		client_fail(engine->clients[i], msg);
}

static int on_broker(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct engine *engine = userdata;
	fail_clients(engine, "the broker (probed) has ended; the recording is lost");
	return sd_event_exit(engine->event, 1);
}

/* A recording may have waited for the unwind tables of its targets. */
static void on_tables_ready(void *context)
{
	struct engine *engine = context;
	unwind_late_run(engine->sampler->late, true);
	for (uint32_t i = 0; i < engine->n_clients; i++)
		client_tick(engine->clients[i]);
}

int engine_prepare(struct engine *engine, struct err *err)
{
	if (engine->sampler)
		return 0;
	int code = sampler_new(engine->asker, &engine->sampler, err);
	if (code)
		return code;
	engine->symbolizer = symbolizer_new(engine->event, engine->asker, engine->sampler->objects);
	engine->loader = unwind_loader_new(engine->symbolizer, engine->sampler->objects,
					   engine->sampler->spaces, engine->sampler->tables,
					   on_tables_ready, engine);
	engine->sampler->loader = engine->loader;
	code = sd_event_add_io(engine->event, &engine->ring, engine->sampler->ring_fd, EPOLLIN,
			       on_ring, engine);
	return code < 0 ? code : 0;
}

/* When all places are taken, who has kept one longest without saying what for loses it: whoever
 * means to ask does so in milliseconds. */
static int make_room(struct engine *engine, struct err *err)
{
	if (engine->n_clients < LIMIT_CLIENTS)
		return 0;
	struct client *idle = engine->clients[0];
	for (uint32_t i = 1; i < engine->n_clients; i++)
		if (client_undecided_ns(engine->clients[i]) < client_undecided_ns(idle))
			idle = engine->clients[i];
	if (client_undecided_ns(idle) == UINT64_MAX)
		return err_set(err, -EUSERS, ERR_FAILED, "the daemon serves %d clients already",
			       LIMIT_CLIENTS);
	client_fail(idle, "too many clients, and this one asked for nothing");
	part(engine);
	return 0;
}

/* One line in what the new socket's buffer holds; it is not waited for. */
static void refuse(struct engine *engine, int socket_take, const struct err *err)
{
	struct wire *wire = wire_new(socket_take, LIMIT_CLIENT_QUEUE_BYTES);
	if (!wire)
		return;
	message_send_failed(wire, err);
	engine_close(engine, wire_free_but_socket(wire));
}

/* One user does not take all the places. */
static int check_share(const struct engine *engine, int socket, struct err *err)
{
	struct ucred peer = {0};
	socklen_t bytes = sizeof(peer);
	uint32_t own = 0, pid, uid;
	if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) || peer.uid == 0)
		return 0;
	for (uint32_t i = 0; i < engine->n_clients; i++) {
		client_peer(engine->clients[i], &pid, &uid);
		own += uid == peer.uid;
	}
	if (own < LIMIT_CLIENTS_PER_UID)
		return 0;
	return err_set(err, -EUSERS, ERR_PERMISSION, "uid %u has %u connections already", peer.uid,
		       own);
}

/* Takes the socket, also when it fails (then the socket is closed). */
static int add_client(struct engine *engine, int socket_take)
{
	struct err err = {0};
	part(engine);
	int code = check_share(engine, socket_take, &err);
	if (!code)
		code = make_room(engine, &err);
	if (code) {
		refuse(engine, socket_take, &err);
		return code;
	}
	struct client *client = client_new(engine, socket_take);
	if (!client)
		return -ENOMEM;
	engine->clients = array_room(engine->clients, engine->n_clients, &engine->clients_room,
				     sizeof(*engine->clients));
	engine->clients[engine->n_clients++] = client;
	return arm_tick(engine);
}

static void on_client(void *context, int socket_take)
{
	add_client(context, socket_take);
}

static int on_patience_end(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct engine *engine = userdata;
	fail_clients(engine, "the daemon is being stopped");
	return sd_event_exit(engine->event, 0);
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct engine *engine = userdata;
	if (engine->stopping)
		return 0;
	engine->stopping = true;
	listener_free(engine->listener);
	engine->listener = NULL;
	for (uint32_t i = 0; i < engine->n_clients; i++)
		client_stop(engine->clients[i]);
	if (!engine->n_clients)
		return sd_event_exit(engine->event, 0);
	arm_tick(engine);
	return sd_event_add_time_relative(engine->event, NULL, CLOCK_MONOTONIC, STOP_US, 0,
					  on_patience_end, engine);
}

/* For the service manager's watchdog, twice as often as it wants to hear: the broker tells it that
 * both of us are well. */
static int on_ping(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct engine *engine = userdata;
	asker_ping(engine->asker, NULL, NULL);
	sd_event_source_set_time_relative(source, engine->watchdog_us / 2);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* Its process is the broker, so that sd_event's own does not do. */
static int watch_over(struct engine *engine)
{
	const char *usec = getenv("WATCHDOG_USEC");
	engine->watchdog_us = usec ? strtoull(usec, NULL, 10) : 0;
	if (!engine->watchdog_us)
		return 0;
	return sd_event_add_time_relative(engine->event, NULL, CLOCK_MONOTONIC,
					  engine->watchdog_us / 2, 0, on_ping, engine);
}

static int init(struct engine *engine, int broker_socket)
{
	signal(SIGPIPE, SIG_IGN);
	*engine = (struct engine){.asker = asker_new(broker_socket), .started_ns = clock_now_ns()};
	if (!engine->asker)
		return -ENOMEM;
	int code = sd_event_new(&engine->event);
	if (code >= 0)
		code = sd_event_add_io(engine->event, NULL, asker_fd(engine->asker), EPOLLIN,
				       on_broker, engine);
	if (code >= 0)
		code = sd_event_add_time_relative(engine->event, &engine->tick, CLOCK_MONOTONIC,
						  TICK_US, TICK_US / 10, on_tick, engine);
	if (code >= 0) /* it drains the ring: before any client has its turn */
		code = sd_event_source_set_priority(engine->tick, SD_EVENT_PRIORITY_IMPORTANT);
	return code;
}

static void deinit(struct engine *engine)
{
	listener_free(engine->listener);
	while (engine->n_clients)
		client_free(engine->clients[--engine->n_clients]);
	free(engine->clients);
	free(engine->loaded.at);
	unwind_loader_free(engine->loader);
	symbolizer_free(engine->symbolizer);
	sampler_free(engine->sampler);
	sd_event_source_unref(engine->ring);
	sd_event_source_unref(engine->tick);
	sd_event_unref(engine->event);
	asker_free(engine->asker);
}

int engine_run(int client_socket, int broker_socket)
{
	struct engine engine;
	launch_quiet();
	int code = init(&engine, broker_socket);
	if (code >= 0)
		code = confine_engine(NULL);
	if (code >= 0)
		code = add_client(&engine, client_socket);
	if (code >= 0)
		code = sd_event_loop(engine.event);
	deinit(&engine);
	return code ? 1 : 0;
}

int engine_serve(int listen_socket, int broker_socket)
{
	struct engine engine;
	setsid(); /* a terminal's signals go to the broker, which passes them on */
	int code = init(&engine, broker_socket);
	if (code >= 0)
		code = sd_event_add_signal(engine.event, NULL, SIGTERM, on_stop, &engine);
	if (code >= 0)
		code = sd_event_add_signal(engine.event, NULL, SIGINT, on_stop, &engine);
	if (code >= 0)
		code = watch_over(&engine);
	if (code >= 0)
		code = confine_engine(NULL);
	if (code >= 0) {
		engine.listener = listener_new(engine.event, listen_socket, on_client, &engine);
		code = engine.listener ? sd_event_loop(engine.event) : -ENOMEM;
	}
	deinit(&engine);
	return code ? 1 : 0;
}
