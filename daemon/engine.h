/* SPDX-License-Identifier: Apache-2.0 */
/* The engine: the process that holds sessions, aggregates samples, builds profiles and talks to
 * clients. Its own uid, no capabilities; everything privileged is asked from the broker,
 * which also judges who may record what. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "daemon/counters.h"
#include "daemon/early.h"
#include "daemon/thrift.h"
#include "daemon/questions.h"
#include "daemon/sweep.h"

struct asker;
struct err;
struct listener;
struct symbolizer;
struct sampler;
struct unwind_loader;
typedef struct sd_event sd_event;
typedef struct sd_event_source sd_event_source;

/* What clients share. Private to the engine's process; sampler and symbolizer come with the first
 * recording. */
struct engine {
	sd_event *event;
	struct asker *asker;
	struct sampler *sampler;
	struct symbolizer *symbolizer;
	struct unwind_loader *loader;
	struct thrift thrift;
	struct early early;
	struct sweep sweep;
	struct client **clients;
	uint32_t n_clients, clients_room;
	uint32_t first_client; /* of this tick */
	struct questions questions;
	struct listener *listener; /* NULL: serves those it has, and ends with the last one */
	sd_event_source *tick, *ring;
	struct {
		int *at; /* clients' sockets, with fds in them that hang who drops them */
		uint32_t n, room;
	} loaded;
	bool resting;		  /* nobody is there, and the tick a far one */
	uint64_t used_ns;	  /* CLOCK_MONOTONIC, when somebody last recorded */
	struct counters_sum past; /* of samplers that were let go */
	bool stopping;
	uint64_t watchdog_us;	     /* 0: there is none */
	uint64_t started_ns;	     /* CLOCK_MONOTONIC */
	uint64_t n_recordings;	     /* begun */
	uint64_t n_samples, n_waits; /* of recordings that are over */
};

/* Runs as the process: serves the one client on `client_socket` (both sockets are taken), until it
 * is done or gone, or the broker is. Returns the exit status. */
int engine_run(int client_socket, int broker_socket);
/* The same for all clients who connect to `listen_socket`, until SIGTERM or SIGINT, which are
 * blocked: recordings then end as if their clients had asked for it. */
int engine_serve(int listen_socket, int broker_socket);
/* Closes a client's socket, now or when that can hang nobody. */
void engine_close(struct engine *engine, int socket_take);
/* Makes sampler and symbolizer when they are not there yet. */
int engine_prepare(struct engine *engine, struct err *err);
