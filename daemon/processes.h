/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that are recorded, by pid: their address space, followed through fork, exec and exit by
 * the events of the ring, which come in order with the samples. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "bpf/types.h"

struct address_space;
struct asker;
struct location;
struct objects;
struct sideband_record;
struct spaces;

struct process {
	uint32_t pid;
	uint32_t generation; /* another number for each image that any process ever ran here */
	/* NULL: none (kernel thread), or not readable. Perhaps dormant: processes_space(). */
	struct address_space *space;
	uint64_t missed_ns; /* when its maps were last read for an address that was not in them */
	uint64_t miss_cost_ns, miss_pause_ns;
	uint32_t jit;	  /* the object of the code that it made; 0: none seen yet */
	bool stale;	  /* it has mapped something since that is not known */
	bool fresh;	  /* its space is of an image whose exec has not come by the ring yet */
	bool changed;	  /* its space is to be published */
	uint64_t tell_ns; /* when the programs are to be told which space it has; 0: they were */
	uint64_t told_ns; /* the last time */
	char comm[COMM_BYTES + 1];
};

struct processes;

struct processes *processes_new(struct spaces *spaces, struct objects *objects,
				struct asker *asker);
void processes_free(struct processes *processes);
uint32_t processes_count(const struct processes *processes);

/* NULL: not known. Borrowed until the next add, fork or exit. */
struct process *processes_find(struct processes *processes, uint32_t pid);
/* Its space, woken. Borrowed as above. */
struct address_space *processes_space(struct processes *processes, struct process *process);
/* It is to be sampled: walks of it go by its space from now on. */
void processes_ready(struct processes *processes, struct process *process);
/* It was: so will walks of it, soon. */
void processes_on_sample(struct processes *processes, struct process *process,
			 const struct sample_event *event);
/* Adds or renews pid from its maps (maps_fd borrowed, asked for at read_ns; -1: asks the broker for
 * it) and tells the programs which space it has. A process whose maps cannot be read is added
 * without a space. */
struct process *processes_add(struct processes *processes, uint32_t pid, int maps_fd,
			      uint64_t read_ns);
void processes_on_fork(struct processes *processes, const struct life_event *event);
void processes_on_exec(struct processes *processes, const struct life_event *event);
void processes_on_exit(struct processes *processes, const struct life_event *event);
/* Forgets those for which `used` says no. */
void processes_prune(struct processes *processes, bool (*used)(void *context, uint32_t pid),
		     void *context);

/* What processes wrote of the code that they made is opened again, for names. */
void processes_renew_names(struct processes *processes);

/* Sets used[object] for the code that processes made. */
void processes_mark_objects(const struct processes *processes, bool *used);
/* The object of its first executable mapping, which is the program itself; 0: not known. */
uint32_t processes_main_object(struct processes *processes, uint32_t pid);

/* A walk came to an address outside all mappings: perhaps there are new ones. */
void processes_missed(struct processes *processes, struct process *process);
/* A mapping more, or a new image, which the record says, in the order of time with the events. */
void processes_on_map(struct processes *processes, const struct sideband_record *record);
/* Some records were lost: any process may have mapped something. */
void processes_on_lost_maps(struct processes *processes);
/* Publishes what has changed, and reads maps again where that is needed, as often as the cost
 * allows. */
void processes_refresh(struct processes *processes);
/* What lies at an address of the process that the walk did not find in its table. May read its maps
 * again. */
void processes_resolve(struct processes *processes, struct process *process, uint64_t address,
		       struct location *location);
