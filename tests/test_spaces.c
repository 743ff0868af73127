/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/spaces.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/types.h"
#include "common/err.h"
#include "common/packet.h"
#include "daemon/asker.h"
#include "daemon/objects.h"
#include "tests/unit.h"

/* The arrays that the programs would share, in memory of our own. */
struct fixture {
	int slots_fd, mappings_fd;
	struct objects *objects;
	struct asker *asker; /* of a broker that has gone */
	struct spaces *spaces;
	const struct space *slots;
	const struct mapping *mappings;
};

static void setup(struct fixture *f)
{
	struct err err = {0};
	f->slots_fd = memfd_create("spaces", MFD_CLOEXEC);
	f->mappings_fd = memfd_create("mappings", MFD_CLOEXEC);
	CU_ASSERT_EQUAL(ftruncate(f->slots_fd, SPACES_MAX * sizeof(struct space)), 0);
	CU_ASSERT_EQUAL(ftruncate(f->mappings_fd, MAPPINGS_MAX * sizeof(struct mapping)), 0);
	int pair[2] = {-1, -1};
	CU_ASSERT_EQUAL(packet_pair(pair), 0);
	f->asker = asker_new(pair[0]);
	close(pair[1]);
	f->objects = objects_new();
	CU_ASSERT_EQUAL(
		spaces_new(f->slots_fd, f->mappings_fd, f->objects, f->asker, &f->spaces, &err), 0);
	f->slots = mmap(NULL, SPACES_MAX * sizeof(struct space), PROT_READ, MAP_SHARED, f->slots_fd,
			0);
	f->mappings = mmap(NULL, MAPPINGS_MAX * sizeof(struct mapping), PROT_READ, MAP_SHARED,
			   f->mappings_fd, 0);
}

static void teardown(struct fixture *f)
{
	spaces_free(f->spaces);
	objects_free(f->objects);
	asker_free(f->asker);
	munmap((void *)f->slots, SPACES_MAX * sizeof(struct space));
	munmap((void *)f->mappings, MAPPINGS_MAX * sizeof(struct mapping));
	close(f->slots_fd);
	close(f->mappings_fd);
}

static struct address_space *add(struct fixture *f)
{
	struct maps notes;
	struct address_space *space = spaces_add_dormant(f->spaces);
	spaces_wake(f->spaces, space, &notes);
	CU_ASSERT_EQUAL(notes.n, 0);
	return space;
}

/* Memory of no file: the broker is not asked for it. */
static struct maps_line memory(uint64_t start, uint64_t end)
{
	static char path[] = "";
	return (struct maps_line){
		.start = start, .end = end, .offset = start, .kind = MAPS_ANONYMOUS, .path = path};
}

static int put(struct fixture *f, struct address_space *space, uint64_t start, uint64_t end)
{
	uint32_t object = 77;
	struct maps_line line = memory(start, end);
	int code = spaces_put(f->spaces, space, 1, &line, &object);
	CU_ASSERT(code < 0 || !object);
	return code;
}

static bool has(const struct address_space *space, uint32_t i, uint64_t start, uint64_t end,
		uint64_t offset)
{
	return i < space->maps.n && space->maps.at[i].start == start &&
	       space->maps.at[i].end == end && space->maps.at[i].offset == offset;
}

static void a_mapping_takes_the_place_of_what_it_covers(void)
{
	struct fixture f;
	setup(&f);
	struct address_space *space = add(&f);
	CU_ASSERT_EQUAL(space->maps.n, 0);
	CU_ASSERT_EQUAL(put(&f, space, 0x5000, 0x6000), 0);
	CU_ASSERT_EQUAL(put(&f, space, 0x1000, 0x2000), 0);
	CU_ASSERT_EQUAL(put(&f, space, 0x3000, 0x4000), 0);
	CU_ASSERT(has(space, 0, 0x1000, 0x2000, 0x1000));
	CU_ASSERT(has(space, 1, 0x3000, 0x4000, 0x3000));
	CU_ASSERT(has(space, 2, 0x5000, 0x6000, 0x5000));
	/* The end of the first, all of the second, the beginning of the third. */
	space->maps.at[0].offset = 0x70000;
	space->maps.at[2].offset = 0x90000;
	CU_ASSERT_EQUAL(put(&f, space, 0x1800, 0x5800), 0);
	CU_ASSERT_EQUAL(space->maps.n, 3);
	CU_ASSERT(has(space, 0, 0x1000, 0x1800, 0x70000));
	CU_ASSERT(has(space, 1, 0x1800, 0x5800, 0x1800));
	CU_ASSERT(has(space, 2, 0x5800, 0x6000, 0x90800));
	spaces_unref(f.spaces, space);
	teardown(&f);
}

static void a_mapping_inside_another_cuts_it_in_two(void)
{
	struct fixture f;
	setup(&f);
	struct address_space *space = add(&f);
	CU_ASSERT_EQUAL(put(&f, space, 0x1000, 0x9000), 0);
	CU_ASSERT_EQUAL(put(&f, space, 0x3000, 0x4000), SPACES_KNOWN);
	CU_ASSERT_EQUAL(space->maps.n, 1);
	space->maps.at[0].kind = MAPS_OTHER; /* so that it is not the same */
	CU_ASSERT_EQUAL(put(&f, space, 0x3000, 0x4000), 0);
	CU_ASSERT_EQUAL(space->maps.n, 3);
	CU_ASSERT(has(space, 0, 0x1000, 0x3000, 0x1000));
	CU_ASSERT(has(space, 1, 0x3000, 0x4000, 0x3000));
	CU_ASSERT(has(space, 2, 0x4000, 0x9000, 0x4000));
	spaces_unref(f.spaces, space);
	teardown(&f);
}

static void what_is_published_is_what_walks_find(void)
{
	struct fixture f;
	setup(&f);
	struct address_space *space = add(&f);
	put(&f, space, 0x1000, 0x2000);
	CU_ASSERT_EQUAL(f.slots[space->slot].range, 0);
	spaces_publish(f.spaces, space);
	uint64_t range = f.slots[space->slot].range;
	CU_ASSERT_EQUAL((uint32_t)range, 1);
	CU_ASSERT_EQUAL(f.mappings[range >> 32].start, 0x1000);
	CU_ASSERT_EQUAL(f.mappings[range >> 32].end, 0x2000);
	/* A copy is another space, with its own lines. */
	struct address_space *copy = spaces_copy(f.spaces, space);
	CU_ASSERT_NOT_EQUAL(copy->slot, space->slot);
	put(&f, copy, 0x2000, 0x3000);
	spaces_publish(f.spaces, copy);
	CU_ASSERT_EQUAL((uint32_t)f.slots[copy->slot].range, 2);
	CU_ASSERT_EQUAL(f.slots[space->slot].range, range);
	CU_ASSERT_EQUAL(space->maps.n, 1);
	spaces_unref(f.spaces, copy);
	spaces_unref(f.spaces, space);
	teardown(&f);
}

static void very_many_mappings_are_refused(void)
{
	struct fixture f;
	setup(&f);
	struct address_space *space = add(&f);
	int code = 0;
	uint32_t n = 0;
	for (; !code && n < 100000; n++)
		code = put(&f, space, 0x10000 + n * 0x2000ull, 0x11000 + n * 0x2000ull);
	CU_ASSERT_EQUAL(code, -E2BIG);
	CU_ASSERT_EQUAL(space->maps.n, n - 1);
	spaces_unref(f.spaces, space);
	teardown(&f);
}

static void a_dormant_one_only_notes(void)
{
	struct fixture f;
	setup(&f);
	struct maps notes;
	struct address_space *space = spaces_add_dormant(f.spaces);
	struct maps_line line = memory(0x3000, 0x4000), first = memory(0x1000, 0x2000);
	CU_ASSERT(spaces_note(f.spaces, space, 1, &line));
	CU_ASSERT(spaces_note(f.spaces, space, 1, &first));
	CU_ASSERT_EQUAL(space->slot, 0);
	CU_ASSERT_EQUAL(space->maps.n, 0);
	struct address_space *copy = spaces_copy(f.spaces, space);
	CU_ASSERT(spaces_note(f.spaces, copy, 1, &line));
	CU_ASSERT(copy->dormant);
	/* Woken, it gives them in their order. */
	spaces_wake(f.spaces, space, &notes);
	CU_ASSERT_NOT_EQUAL(space->slot, 0);
	CU_ASSERT(!space->dormant);
	CU_ASSERT_EQUAL(notes.n, 2);
	CU_ASSERT_EQUAL(notes.at[0].start, 0x3000);
	CU_ASSERT_EQUAL(notes.at[1].start, 0x1000);
	maps_deinit(&notes);
	CU_ASSERT_EQUAL(copy->notes.n, 3);
	spaces_unref(f.spaces, copy);
	spaces_unref(f.spaces, space);
	teardown(&f);
}

static void what_a_dormant_one_cannot_note(void)
{
	struct fixture f;
	setup(&f);
	struct address_space *space = spaces_add_dormant(f.spaces);
	struct maps_line line = memory(0x1000, 0x2000), file = line;
	file.kind = MAPS_FILE;
	file.inode = 5;
	CU_ASSERT(!spaces_note(f.spaces, space, 1, &file)); /* nobody has opened it */
	CU_ASSERT_EQUAL(space->notes.n, 0);
	uint32_t n = 0;
	while (n < 100000 && spaces_note(f.spaces, space, 1, &line))
		n++;
	CU_ASSERT(n >= 64 && n < 100000);
	spaces_unref(f.spaces, space);
	teardown(&f);
}

SUITE(spaces,
      {"a mapping takes the place of what it covers", a_mapping_takes_the_place_of_what_it_covers},
      {"a mapping inside another cuts it in two", a_mapping_inside_another_cuts_it_in_two},
      {"what is published is what walks find", what_is_published_is_what_walks_find},
      {"very many mappings are refused", very_many_mappings_are_refused},
      {"a dormant one only notes", a_dormant_one_only_notes},
      {"what a dormant one cannot note", what_a_dormant_one_cannot_note});
