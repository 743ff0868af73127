/* SPDX-License-Identifier: Apache-2.0 */
/* Address spaces: which object is mapped where, for the engine and, in arrays shared with the BPF
 * programs, for walks. A space is shared by a process and those it forks until one of them maps
 * something new. Changes are published by one store; what walks under way may still read is given
 * away again only after a while (bpf/types.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "daemon/maps.h"

struct asker;
struct err;
struct objects;
struct spaces;

enum {
	SPACES_KNOWN = 1,
};

struct address_space {
	uint32_t slot; /* in the BPF array; also its number, never 0 */
	uint32_t refs;
	struct maps maps;
	uint32_t *objects;    /* by line of maps; 0: none */
	struct maps notes;    /* while `dormant`: what was mapped, in the order of time */
	bool dormant;	      /* nobody has asked for it: it has no slot, maps or objects yet */
	uint32_t first, room; /* its piece of the mapping array */
	struct address_space *next, **link; /* of all there are */
	uint64_t read_ns; /* CLOCK_MONOTONIC when the last reading of maps began */
};

/* The two fds are LOAD_SPACES and LOAD_MAPPINGS (borrowed). */
int spaces_new(int spaces_fd, int mappings_fd, struct objects *objects, struct asker *asker,
	       struct spaces **spaces, struct err *err);
void spaces_free(struct spaces *spaces);

/* A new space of pid with one reference, from its /proc/PID/maps, of which the reading began at
 * read_ns or later, and published. -ENOSPC: the
 * shared arrays are full: the space works for the engine, with slot 0. -ESRCH: the process is gone.
 */
int spaces_add(struct spaces *spaces, uint32_t pid, int maps_fd, uint64_t read_ns,
	       struct address_space **space);
/* Reads again, in place. */
int spaces_update(struct spaces *spaces, struct address_space *space, uint32_t pid, int maps_fd,
		  uint64_t read_ns);
/* A new one with the mappings of `from`, its own copy; to be published unless it is dormant. */
struct address_space *spaces_copy(struct spaces *spaces, const struct address_space *from);
/* A new one of nothing, dormant. Of most processes of a storm nobody asks: what they map is noted,
 * and gone with them. */
struct address_space *spaces_add_dormant(struct spaces *spaces);
/* Notes a mapping of process `pid`, whose file is opened. False: it cannot be, or there are many
 * already: that does not suit a dormant space. */
bool spaces_note(struct spaces *spaces, struct address_space *space, uint32_t pid,
		 const struct maps_line *line);
/* It is dormant no more: has a slot, and no mappings; those of *notes, now the caller's, are to be
 * put. */
void spaces_wake(struct spaces *spaces, struct address_space *space, struct maps *notes);
/* One more mapping, of process `pid`, in place of what it covers; to be published. *object: its
 * object. SPACES_KNOWN: it was there already (protection that changes to and fro). -E2BIG: the
 * space has very many already: its maps are better read anew. */
int spaces_put(struct spaces *spaces, struct address_space *space, uint32_t pid,
	       const struct maps_line *line, uint32_t *object);
/* Makes walks see what was put. */
void spaces_publish(struct spaces *spaces, struct address_space *space);
struct address_space *spaces_ref(struct address_space *space);
void spaces_unref(struct spaces *spaces, struct address_space *space);
/* The object has a table now, or gets none: all its mappings say so. */
void spaces_renew_table(struct spaces *spaces, uint32_t object);
/* Sets mapped[i] for objects (1 … n) that some space maps; others are left alone. */
void spaces_mark_objects(const struct spaces *spaces, bool *mapped, uint32_t n);
