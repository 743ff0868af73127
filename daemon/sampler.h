/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's half of sampling, shared by all sessions: the ring of events, the tables that walks
 * read, and what is known of processes, objects and stacks. Events are handed to their sessions. */
#pragma once

#include <stdint.h>
#include "bpf/types.h"
#include "daemon/events.h"
#include "daemon/locations.h"
#include "daemon/stacks.h"

struct asker;
struct counters;
struct err;
struct objects;
struct processes;
struct ring;
struct session;
struct sideband;
struct spaces;
struct unwind_late;
struct unwind_loader;
struct unwind_tables;

struct sampler {
	struct asker *asker; /* borrowed */
	uint64_t features;   /* enum broker_load_feature: what the programs can do here */
	int life_links[3];
	struct ring *ring;
	int ring_fd;		   /* readable when much has gathered */
	struct sideband *sideband; /* NULL: not to be had; maps are read at a miss only */
	events_cpus online;	   /* those that its events were opened on, and are on line since */
	uint64_t looked_ns;	   /* when that was looked at */
	uint64_t sideband_ns;	   /* when it was opened */
	uint64_t mapped_ns;	   /* all that was mapped until then is known; 0: not so */
	struct counters *counters;
	struct session_config *configs; /* mapped, SESSIONS_MAX */
	struct objects *objects;
	struct spaces *spaces;
	struct unwind_tables *tables;
	struct unwind_loader *loader; /* borrowed; set once there is a symbolizer */
	struct unwind_late *late;
	struct processes *processes;
	struct locations locations;
	struct stacks stacks;
	struct session *sessions[SESSIONS_MAX];
	uint64_t *seen;		/* mapped, SEEN_MAX: stacks.h */
	uint32_t thin;		/* of all sessions that run (thrift.h), and that begin */
	uint32_t openings;	/* of objects, by the last drain */
	uint64_t miss_pause_ns; /* struct session_config */
	uint32_t parted;	/* sessions that have been here, and their rows */
};

/* Loads the programs through the broker. */
int sampler_new(struct asker *asker, struct sampler **sampler, struct err *err);
void sampler_free(struct sampler *sampler);
/* Takes the events that are in the ring. */
void sampler_drain(struct sampler *sampler);
/* A CPU is on line that had gone by then. Each recording may tell of it. */
void sampler_on_cpus(struct sampler *sampler, uint64_t gone_ns);
/* A free session number, -1: none. */
int sampler_add_session(struct sampler *sampler, struct session *session);
void sampler_remove_session(struct sampler *sampler, uint32_t slot);
