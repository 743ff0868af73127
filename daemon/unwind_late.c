/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/unwind_late.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "bpf/types.h"
#include "common/clock.h"
#include "common/memory.h"
#include "daemon/maps.h"
#include "daemon/objects.h"
#include "daemon/spaces.h"
#include "daemon/unwind_tables.h"

/* The stack that the step reads now. */
static const struct copy_event *reading;

static long unwind_read(void *to, size_t bytes, uint64_t address)
{
	uint64_t offset = address - reading->reg[7];
	if (offset > reading->bytes || bytes > reading->bytes - offset)
		return -1;
	memcpy(to, reading->stack + offset, bytes);
	return 0;
}
#include "bpf/unwind_step.h"

enum {
	WAITING_MAX = 512, /* 10 MiB; the oldest make room */
	WAIT_NS = 500000000,
};

struct waiting {
	struct copy_event *copy;
	union {
		struct sample_event sample; /* kind 0: it has not come yet */
		struct wait_event wait;
	};
	struct address_space *space; /* held; NULL: the process's own */
};

struct unwind_late {
	struct objects *objects;
	struct spaces *spaces;
	struct unwind_tables *tables;
	unwind_late_look_up look_up;
	unwind_late_on_sample on_sample;
	void *data;
	uint32_t n;
	struct waiting waiting[WAITING_MAX]; /* oldest first */
	struct stack_event *stack;
};

struct unwind_late *unwind_late_new(struct objects *objects, struct spaces *spaces,
				    struct unwind_tables *tables, unwind_late_look_up look_up,
				    unwind_late_on_sample on_sample, void *data)
{
	struct unwind_late *late = memory_new(1, sizeof(*late));
	late->objects = objects;
	late->spaces = spaces;
	late->tables = tables;
	late->look_up = look_up;
	late->on_sample = on_sample;
	late->data = data;
	late->stack = memory_new(1, sizeof(*late->stack) + USER_FRAMES_MAX * sizeof(struct frame));
	return late;
}

static void waiting_deinit(struct unwind_late *late, struct waiting *w)
{
	spaces_unref(late->spaces, w->space);
	free(w->copy);
}

void unwind_late_free(struct unwind_late *late)
{
	if (!late)
		return;
	for (uint32_t i = 0; i < late->n; i++)
		waiting_deinit(late, &late->waiting[i]);
	free(late->stack);
	free(late);
}

/* What a walk goes by. */
struct walker {
	const struct address_space *space;
	uint32_t (*table_of)(void *context, uint32_t object);
	void *context;
	const struct unwind_tables *tables;
};

/* As walk_step_stub() of bpf/walk.h: a leaf in a system call that has no row. */
static bool step_stub(const struct address_space *space, struct unwind_state *s)
{
	uint64_t pc;
	if (unwind_read(&pc, sizeof(pc), s->reg[UNWIND_RSP]) || !maps_find(&space->maps, pc - 1))
		return false;
	s->pc = pc;
	s->reg[UNWIND_RSP] += sizeof(pc);
	return true;
}

/* As walk_frame() of bpf/walk.h: adds the frame, steps to its caller. */
static uint32_t walk_frame(const struct walker *walker, struct unwind_state *s,
			   struct stack_event *stack)
{
	const struct address_space *space = walker->space;
	uint64_t address = s->pc - !(s->flags & FRAME_EXACT);
	const struct maps_line *line = maps_find(&space->maps, address);
	uint32_t object = line ? space->objects[line - space->maps.at] : 0;
	struct frame frame = {.address = s->pc,
			      .object = space->slot,
			      .kind = FRAME_RAW,
			      .flags = (uint16_t)s->flags};
	if (object) {
		frame.address = s->pc - line->start + line->offset;
		frame.object = object;
		frame.kind = FRAME_FILE;
	}
	if (stack->n_frames == USER_FRAMES_MAX)
		return WALK_DEPTH;
	stack->frames[stack->n_frames++] = frame;
	if (!line && stack->n_frames > 1)
		return WALK_NO_MAPPING;
	uint32_t table = object ? walker->table_of(walker->context, object) : 0;
	const struct unwind_rule *rule = NULL;
	if (table == MAPPING_TABLE_PENDING)
		return WALK_NO_TABLE;
	if (table)
		rule = unwind_tables_find(walker->tables, table,
					  address - line->start + line->offset);
	if (!rule && table && stack->n_frames == 1 && !s->flags && step_stub(space, s))
		return UNWIND_STEPPED;
	if (rule)
		return unwind_step(s, rule);
	uint32_t end = unwind_step_pointer(s);
	return end == WALK_ROOT && !line ? WALK_NO_MAPPING : end;
}

void unwind_late_walk(const struct copy_event *copy, const struct address_space *space,
		      uint32_t (*table_of)(void *context, uint32_t object), void *context,
		      const struct unwind_tables *tables, struct stack_event *stack)
{
	const struct walker walker = {space, table_of, context, tables};
	struct unwind_state s = {.pc = copy->pc, .flags = copy->flags};
	memcpy(s.reg, copy->reg, sizeof(s.reg));
	reading = copy;
	memset(stack, 0, sizeof(*stack));
	uint32_t end = UNWIND_STEPPED;
	while (end == UNWIND_STEPPED)
		end = walk_frame(&walker, &s, stack);
	stack->event = (struct event){
		EVENT_STACK, (uint32_t)(sizeof(*stack) + stack->n_frames * sizeof(struct frame))};
	if (end == WALK_BAD_PAGE && copy->cut)
		end = WALK_DEPTH; /* deeper than what was copied */
	stack->end = (uint8_t)end;
	size_t bytes = stack->n_frames * sizeof(struct frame);
	stack->hash = XXH3_64bits_withSeed(stack->frames, bytes, end);
	stack->check = XXH32(stack->frames, bytes, end);
}

/* The kept one that came with a copy of this time on this CPU, before its sample. */
static struct waiting *find_copy(struct unwind_late *late, const struct sample_event *sample)
{
	for (uint32_t i = late->n; i-- > 0;) {
		struct waiting *w = &late->waiting[i];
		if (!w->sample.event.kind && w->copy->time_ns == sample->time_ns &&
		    w->copy->cpu == sample->cpu)
			return w;
	}
	return NULL;
}

bool unwind_late_keep(struct unwind_late *late, const struct sample_event *sample)
{
	struct waiting *w = find_copy(late, sample);
	if (!w)
		return false;
	if (sample->event.kind == EVENT_WAIT)
		w->wait = *(const struct wait_event *)sample;
	else
		w->sample = *sample;
	return true;
}

static uint32_t table_of(void *context, uint32_t object)
{
	return objects_table(context, object);
}

/* Out of the line, and on. */
static void give_on(struct unwind_late *late, uint32_t i)
{
	struct waiting w = late->waiting[i];
	late->n--;
	memmove(&late->waiting[i], &late->waiting[i + 1], (late->n - i) * sizeof(w));
	const struct address_space *space = w.space;
	if (w.sample.event.kind && !space)
		space = late->look_up(late->data, w.sample.tgid, w.copy->time_ns).space;
	const struct stack_event *stack = NULL;
	if (w.sample.event.kind && space) {
		unwind_late_walk(w.copy, space, table_of, late->objects, late->tables, late->stack);
		stack = late->stack;
	}
	if (w.sample.event.kind)
		late->on_sample(late->data, &w.sample, stack);
	waiting_deinit(late, &w);
}

void unwind_late_on_copy(struct unwind_late *late, const struct copy_event *copy)
{
	if (late->n == WAITING_MAX)
		give_on(late, 0);
	struct waiting *w = &late->waiting[late->n++];
	*w = (struct waiting){.copy = memory_new(1, copy->event.bytes)};
	memcpy(w->copy, copy, copy->event.bytes);
}

void unwind_late_hold(struct unwind_late *late, uint32_t tgid)
{
	for (uint32_t i = 0; i < late->n; i++) {
		struct waiting *w = &late->waiting[i];
		if (!w->sample.event.kind || w->space || (tgid && w->sample.tgid != tgid))
			continue;
		struct address_space *space =
			late->look_up(late->data, w->sample.tgid, w->copy->time_ns).space;
		if (space)
			w->space = spaces_ref(space);
	}
}

void unwind_late_run(struct unwind_late *late, bool tables_ready)
{
	uint64_t now = clock_now_ns();
	for (uint32_t i = 0; i < late->n;) {
		const struct waiting *w = &late->waiting[i];
		bool ready = w->copy->time_ns + WAIT_NS < now;
		if (!ready && tables_ready && w->sample.event.kind)
			ready = w->space ||
				late->look_up(late->data, w->sample.tgid, w->copy->time_ns).ready;
		if (ready)
			give_on(late, i);
		else
			i++;
	}
}

void unwind_late_flush(struct unwind_late *late)
{
	while (late->n)
		give_on(late, 0);
}

bool unwind_late_is_empty(const struct unwind_late *late)
{
	return !late->n;
}
