/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/engine.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>
#include <time.h>
#include "common/array.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/limits.h"
#include "common/message.h"
#include "common/wire.h"
#include "daemon/asker.h"
#include "daemon/client.h"
#include "daemon/symbolizer.h"
#include "daemon/sampler.h"
#include "daemon/unwind_loader.h"

/* How often the ring is drained and clients are looked after. The ring wakes us before when it
 * fills; 10 wake-ups a second are 0.02 % of a CPU. */
static const uint64_t TICK_US = 100 * 1000;

static void drain(struct engine *engine)
{
	if (engine->sampler)
		sampler_drain(engine->sampler);
}

/* Those that are over leave. */
static void tick_clients(struct engine *engine)
{
	for (uint32_t i = engine->n_clients; i-- > 0;) {
		client_tick(engine->clients[i]);
		if (!client_is_over(engine->clients[i]))
			continue;
		client_free(engine->clients[i]);
		engine->clients[i] = engine->clients[--engine->n_clients];
	}
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct engine *engine = userdata;
	drain(engine);
	tick_clients(engine);
	if (engine->embedded && !engine->n_clients)
		return sd_event_exit(engine->event, 0);
	sd_event_source_set_time_relative(source, TICK_US);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int on_ring(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	drain(userdata);
	return 0;
}

static int on_broker(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct engine *engine = userdata;
	for (uint32_t i = 0; i < engine->n_clients; i++)
		client_fail(engine->clients[i],
			    "the broker (probed) has ended; the recording is lost");
	return sd_event_exit(engine->event, 1);
}

/* A recording may have waited for the unwind tables of its targets. */
static void on_tables_ready(void *context)
{
	struct engine *engine = context;
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
	code = sd_event_add_io(engine->event, NULL, engine->sampler->ring_fd, EPOLLIN, on_ring,
			       engine);
	return code < 0 ? code : 0;
}

static int run(struct engine *engine)
{
	int code = sd_event_add_io(engine->event, NULL, asker_fd(engine->asker), EPOLLIN, on_broker,
				   engine);
	if (code >= 0)
		code = sd_event_add_time_relative(engine->event, NULL, CLOCK_MONOTONIC, TICK_US,
						  TICK_US / 10, on_tick, engine);
	if (code < 0)
		return code;
	return sd_event_loop(engine->event);
}

/* One line in what the new socket's buffer holds; it is not waited for. */
static void refuse(int socket_take)
{
	struct err err = {0};
	struct wire *wire = wire_new(socket_take, LIMIT_CLIENT_QUEUE_BYTES);
	if (!wire)
		return;
	err_set(&err, -EUSERS, ERR_FAILED, "the daemon serves %d clients already", LIMIT_CLIENTS);
	message_send_failed(wire, &err);
	wire_free(wire);
}

int engine_add_client(struct engine *engine, int socket_take)
{
	if (engine->n_clients == LIMIT_CLIENTS) {
		refuse(socket_take);
		return -EUSERS;
	}
	struct client *client = client_new(engine, socket_take);
	if (!client)
		return -ENOMEM;
	engine->clients = array_room(engine->clients, engine->n_clients, &engine->clients_room,
				     sizeof(*engine->clients));
	engine->clients[engine->n_clients++] = client;
	return 0;
}

int engine_run(int client_socket, int broker_socket)
{
	struct engine engine = {
		.asker = asker_new(broker_socket), .embedded = true, .started_ns = clock_now_ns()};
	signal(SIGPIPE, SIG_IGN);
	if (sd_event_new(&engine.event) < 0)
		return 1;
	int code = engine_add_client(&engine, client_socket);
	if (!code)
		code = run(&engine);
	while (engine.n_clients)
		client_free(engine.clients[--engine.n_clients]);
	free(engine.clients);
	unwind_loader_free(engine.loader);
	symbolizer_free(engine.symbolizer);
	sampler_free(engine.sampler);
	sd_event_unref(engine.event);
	asker_free(engine.asker);
	return code ? 1 : 0;
}
