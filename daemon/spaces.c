/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/spaces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "bpf/types.h"
#include "common/array.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/guard.h"
#include "common/memory.h"
#include "daemon/objects.h"

/* Longer than any walk: walks are bounded and run with interrupts off or in a tick. */
static const uint64_t GRACE_NS = 100 * 1000 * 1000;

enum {
	CLASSES = 17,	/* pieces of 2^class mappings */
	PUT_MAX = 4096, /* putting one costs in proportion to those there are */
	NOTES_MAX = 128,
};

struct piece {
	uint32_t first;
	uint64_t freed_ns;
};
struct pieces {
	struct piece *at;
	uint32_t n, room, taken; /* at[taken …] are free, oldest first */
};

struct spaces {
	struct space *slots;
	struct mapping *mappings;
	struct objects *objects;
	struct asker *asker;
	uint32_t next_mapping, next_slot;
	struct pieces free_mappings[CLASSES];
	struct pieces free_slots;
	struct address_space *first; /* all there are */
};

static void *map_array(int fd, size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

int spaces_new(int spaces_fd, int mappings_fd, struct objects *objects, struct asker *asker,
	       struct spaces **spaces, struct err *err)
{
	struct spaces *new = memory_new(1, sizeof(*new));
	new->objects = objects;
	new->asker = asker;
	new->next_slot = 1;
	new->slots = map_array(spaces_fd, SPACES_MAX * sizeof(struct space));
	new->mappings = map_array(mappings_fd, MAPPINGS_MAX * sizeof(struct mapping));
	if (!new->slots || !new->mappings) {
		int code = -errno;
		spaces_free(new);
		return err_set(err, code, ERR_FAILED, "cannot map the tables of mappings: %s",
			       strerror(-code));
	}
	*spaces = new;
	return 0;
}

void spaces_free(struct spaces *spaces)
{
	if (!spaces)
		return;
	if (spaces->slots)
		munmap(spaces->slots, SPACES_MAX * sizeof(struct space));
	if (spaces->mappings)
		munmap(spaces->mappings, MAPPINGS_MAX * sizeof(struct mapping));
	for (int i = 0; i < CLASSES; i++)
		free(spaces->free_mappings[i].at);
	free(spaces->free_slots.at);
	free(spaces);
}

static void give_back(struct pieces *pieces, uint32_t first)
{
	*array_add(pieces) = (struct piece){first, clock_now_ns()};
}

/* The oldest piece, when its time has come; UINT32_MAX: none. */
static uint32_t take_old(struct pieces *pieces)
{
	if (pieces->taken == pieces->n ||
	    pieces->at[pieces->taken].freed_ns + GRACE_NS > clock_now_ns())
		return UINT32_MAX;
	uint32_t first = pieces->at[pieces->taken++].first;
	if (pieces->taken > 64 && pieces->taken * 2 > pieces->n) {
		pieces->n -= pieces->taken;
		memmove(pieces->at, pieces->at + pieces->taken, pieces->n * sizeof(*pieces->at));
		pieces->taken = 0;
	}
	return first;
}

static uint32_t take_slot(struct spaces *spaces)
{
	uint32_t slot = take_old(&spaces->free_slots);
	if (slot == UINT32_MAX)
		slot = spaces->next_slot < SPACES_MAX ? spaces->next_slot++ : 0;
	return slot;
}

static uint32_t class_of(uint32_t n)
{
	return n <= 1 ? 0 : 32 - (uint32_t)__builtin_clz(n - 1);
}

static bool take_mappings(struct spaces *spaces, struct address_space *space, uint32_t n)
{
	uint32_t class = class_of(n);
	if (class >= CLASSES)
		return false;
	uint32_t first = take_old(&spaces->free_mappings[class]), room = 1u << class;
	if (first == UINT32_MAX) {
		if (room > MAPPINGS_MAX - spaces->next_mapping)
			return false;
		first = spaces->next_mapping;
		spaces->next_mapping += room;
	}
	space->first = first;
	space->room = room;
	return true;
}

static void drop_mappings(struct spaces *spaces, struct address_space *space)
{
	if (space->room)
		give_back(&spaces->free_mappings[class_of(space->room)], space->first);
	space->room = 0;
}

void spaces_publish(struct spaces *spaces, struct address_space *space)
{
	if (!space->slot)
		return;
	struct address_space old = *space;
	if (!take_mappings(spaces, space, space->maps.n)) {
		/* No room: walks find no mapping and the engine resolves their addresses. */
		__atomic_store_n(&spaces->slots[space->slot].range, 0, __ATOMIC_RELEASE);
		space->room = 0;
		drop_mappings(spaces, &old);
		return;
	}
	/* Those without an object as well: a walk goes on through JIT code. */
	for (uint32_t i = 0; i < space->maps.n; i++) {
		const struct maps_line *line = &space->maps.at[i];
		uint32_t object = space->objects[i];
		spaces->mappings[space->first + i] = (struct mapping){
			.start = line->start,
			.end = line->end,
			.offset = line->offset,
			.object = object,
			.table = object ? objects_table(spaces->objects, object) : 0,
		};
	}
	__atomic_store_n(&spaces->slots[space->slot].range,
			 (uint64_t)space->first << 32 | space->maps.n, __ATOMIC_RELEASE);
	drop_mappings(spaces, &old);
}

/* Pieces that are free already are written to as well, which does no harm. */
void spaces_renew_table(struct spaces *spaces, uint32_t object)
{
	uint32_t table = objects_table(spaces->objects, object);
	for (uint32_t i = 0; i < spaces->next_mapping; i++)
		if (spaces->mappings[i].object == object)
			__atomic_store_n(&spaces->mappings[i].table, table, __ATOMIC_RELEASE);
}

static void mark(bool *mapped, uint32_t n, uint32_t object)
{
	if (object && object <= n)
		mapped[object] = true;
}

void spaces_mark_objects(const struct spaces *spaces, bool *mapped, uint32_t n)
{
	for (const struct address_space *s = spaces->first; s; s = s->next) {
		for (uint32_t i = 0; i < s->maps.n; i++)
			mark(mapped, n, s->objects[i]);
		for (uint32_t i = 0; i < s->notes.n; i++)
			mark(mapped, n, objects_number(spaces->objects, &s->notes.at[i]));
	}
}

int spaces_update(struct spaces *spaces, struct address_space *space, uint32_t pid, int maps_fd,
		  uint64_t read_ns)
{
	struct maps maps;
	int code = maps_read(maps_fd, &maps);
	if (code)
		return code;
	maps_deinit(&space->maps);
	free(space->objects);
	space->maps = maps;
	space->objects = memory_new(maps.n, sizeof(*space->objects));
	for (uint32_t i = 0; i < maps.n; i++)
		space->objects[i] =
			objects_find(spaces->objects, spaces->asker, pid, &space->maps.at[i]);
	space->read_ns = read_ns;
	spaces_publish(spaces, space);
	return 0;
}

static struct address_space *make(struct spaces *spaces, uint32_t slot)
{
	struct address_space *new = memory_new(1, sizeof(*new));
	new->refs = 1;
	new->slot = slot;
	new->next = spaces->first;
	new->link = &spaces->first;
	if (new->next)
		new->next->link = &new->next;
	spaces->first = new;
	return new;
}

int spaces_add(struct spaces *spaces, uint32_t pid, int maps_fd, uint64_t read_ns,
	       struct address_space **space)
{
	struct address_space *new = make(spaces, take_slot(spaces));
	int code = spaces_update(spaces, new, pid, maps_fd, read_ns);
	if (code) {
		spaces_unref(spaces, new);
		return code;
	}
	*space = new;
	return 0;
}

/* What is written to while the old lines are read. */
struct lines {
	struct maps maps;
	uint32_t *objects;
};

/* A line, or what is left of it, with a path of its own. */
static void add_line(struct lines *to, const struct maps_line *line, uint32_t object,
		     uint64_t start, uint64_t end, char *path_take)
{
	struct maps_line part = *line;
	part.start = start;
	part.end = end;
	part.offset += start - line->start;
	part.path = path_take;
	to->objects[to->maps.n] = object;
	*array_add(&to->maps) = part;
}

static char *copy_path(const struct maps_line *line)
{
	return array_copy(line->path, strlen(line->path));
}

static void set_lines(struct address_space *space, struct lines *lines)
{
	maps_deinit(&space->maps);
	free(space->objects);
	space->maps = lines->maps;
	space->objects = lines->objects;
}

static void note(struct address_space *space, const struct maps_line *line)
{
	struct maps_line own = *line;
	own.path = copy_path(line);
	*array_add(&space->notes) = own;
}

struct address_space *spaces_add_dormant(struct spaces *spaces)
{
	struct address_space *new = make(spaces, 0);
	new->dormant = true;
	return new;
}

bool spaces_note(struct spaces *spaces, struct address_space *space, uint32_t pid,
		 const struct maps_line *line)
{
	if (space->notes.n >= NOTES_MAX || !objects_hold(spaces->objects, spaces->asker, pid, line))
		return false;
	note(space, line);
	return true;
}

void spaces_wake(struct spaces *spaces, struct address_space *space, struct maps *notes)
{
	*notes = space->notes;
	space->notes = (struct maps){0};
	space->dormant = false;
	space->slot = take_slot(spaces);
}

static struct address_space *copy_dormant(struct spaces *spaces, const struct address_space *from)
{
	struct address_space *new = spaces_add_dormant(spaces);
	for (uint32_t i = 0; i < from->notes.n; i++)
		note(new, &from->notes.at[i]);
	return new;
}

struct address_space *spaces_copy(struct spaces *spaces, const struct address_space *from)
{
	if (from->dormant)
		return copy_dormant(spaces, from);
	struct address_space *new = make(spaces, take_slot(spaces));
	uint32_t n = from->maps.n;
	struct lines lines = {.objects = memory_new(n, sizeof(uint32_t))};
	for (uint32_t i = 0; i < n; i++)
		add_line(&lines, &from->maps.at[i], from->objects[i], from->maps.at[i].start,
			 from->maps.at[i].end, copy_path(&from->maps.at[i]));
	set_lines(new, &lines);
	new->read_ns = from->read_ns;
	return new;
}

/* Whether it holds all of the line with the same behind it. */
static bool covers(const struct maps_line *old, const struct maps_line *line)
{
	return old && old->end >= line->end && old->kind == line->kind && old->dev == line->dev &&
	       old->inode == line->inode &&
	       (line->kind != MAPS_FILE ||
		old->offset + (line->start - old->start) == line->offset);
}

int spaces_put(struct spaces *spaces, struct address_space *space, uint32_t pid,
	       const struct maps_line *line, uint32_t *object)
{
	uint32_t n = space->maps.n, i = 0;
	const struct maps_line *there = maps_find(&space->maps, line->start);
	if (covers(there, line)) {
		*object = space->objects[there - space->maps.at];
		return SPACES_KNOWN;
	}
	if (n >= PUT_MAX)
		return -E2BIG;
	uint32_t number = objects_find(spaces->objects, spaces->asker, pid, line);
	/* One that is cut in two makes two. What is covered stays behind, to be freed. */
	struct lines lines = {.objects = memory_new(n + 2, sizeof(uint32_t))};
	struct maps_line *old = space->maps.at;
	for (; i < n && old[i].start < line->start; i++) {
		bool in_two = old[i].end > line->end;
		uint64_t end = old[i].end < line->start ? old[i].end : line->start;
		char *path = in_two ? copy_path(&old[i]) : steal_ptr(old[i].path);
		add_line(&lines, &old[i], space->objects[i], old[i].start, end, path);
	}
	add_line(&lines, line, number, line->start, line->end, copy_path(line));
	for (i = maps_first(&space->maps, line->end); i < n; i++) {
		uint64_t start = old[i].start > line->end ? old[i].start : line->end;
		add_line(&lines, &old[i], space->objects[i], start, old[i].end,
			 steal_ptr(old[i].path));
	}
	set_lines(space, &lines);
	*object = number;
	return 0;
}

struct address_space *spaces_ref(struct address_space *space)
{
	space->refs++;
	return space;
}

void spaces_unref(struct spaces *spaces, struct address_space *space)
{
	if (!space || --space->refs)
		return;
	if (space->slot) {
		__atomic_store_n(&spaces->slots[space->slot].range, 0, __ATOMIC_RELEASE);
		give_back(&spaces->free_slots, space->slot);
	}
	drop_mappings(spaces, space);
	*space->link = space->next;
	if (space->next)
		space->next->link = space->link;
	maps_deinit(&space->maps);
	maps_deinit(&space->notes);
	free(space->objects);
	free(space);
}
