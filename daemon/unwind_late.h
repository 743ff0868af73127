/* SPDX-License-Identifier: Apache-2.0 */
/* Samples (and waits, which begin as samples do) whose walk met code that was not known yet: they
 * wait with a copy of their stack (struct copy_event) until the maps are read again and the tables
 * are there, half a second at most, and are walked then, by the step that the programs use. A
 * sample is never lost here: what cannot be walked keeps the part that the program had walked. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct address_space;
struct copy_event;
struct objects;
struct sample_event;
struct stack_event;
struct spaces;
struct unwind_late;
struct unwind_tables;

/* Gives a sample on, with the stack walked late; NULL: there is only the one it came with. */
typedef void (*unwind_late_on_sample)(void *data, const struct sample_event *sample,
				      const struct stack_event *stack);

/* What the caller knows of a process. */
struct unwind_late_process {
	struct address_space *space; /* as it is now; NULL: none */
	bool ready; /* nothing is known to come any more for a sample of that time */
};
typedef struct unwind_late_process (*unwind_late_look_up)(void *data, uint32_t tgid,
							  uint64_t time_ns);

/* All borrowed. */
struct unwind_late *unwind_late_new(struct objects *objects, struct spaces *spaces,
				    struct unwind_tables *tables, unwind_late_look_up look_up,
				    unwind_late_on_sample on_sample, void *data);
void unwind_late_free(struct unwind_late *late);

void unwind_late_on_copy(struct unwind_late *late, const struct copy_event *copy);
/* Whether the sample has a copy, and waits. */
bool unwind_late_keep(struct unwind_late *late, const struct sample_event *sample);

/* The process (0: each) ends, or becomes another one: its samples keep the space that it has. */
void unwind_late_hold(struct unwind_late *late, uint32_t tgid);
/* Walks those that are ready, or have waited long enough. `tables_ready`: no table is under way. */
void unwind_late_run(struct unwind_late *late, bool tables_ready);
/* Walks all. */
void unwind_late_flush(struct unwind_late *late);
bool unwind_late_is_empty(const struct unwind_late *late);

/* One walk: `stack` has room for USER_FRAMES_MAX frames; table_of: as objects_table().
 * For unwind_late.c and tests. */
void unwind_late_walk(const struct copy_event *copy, const struct address_space *space,
		      uint32_t (*table_of)(void *context, uint32_t object), void *context,
		      const struct unwind_tables *tables, struct stack_event *stack);
