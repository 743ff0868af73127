/* SPDX-License-Identifier: Apache-2.0 */
/* Recordings come and go while one stays. The time between the steps is made to pass. */
#include "daemon/sweep.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "common/guard.h"
#include "daemon/objects.h"
#include "daemon/maps.h"
#include "daemon/processes.h"
#include "daemon/sampler.h"
#include "daemon/session.h"
#include "daemon/spaces.h"
#include "daemon/symbolizer.h"
#include "daemon/unwind_loader.h"
#include "tests/serving.h"
#include "tests/unit.h"

struct scene {
	struct serving serving; /* that opens no file: nobody is recorded */
	struct asker *asker;
	int slots_fd, mappings_fd;
	sd_event *event;
	struct sampler sampler;
	struct symbolizer *symbolizer;
	struct sweep sweep;
	struct session stays, leaves;
	struct stack_event *stack;
};

static void begin(struct scene *scene)
{
	struct sampler *sampler = &scene->sampler;
	*scene = (struct scene){.serving = serving_start(-1)};
	scene->asker = asker_new(steal_fd(scene->serving.socket));
	CU_ASSERT_FATAL(sd_event_new(&scene->event) >= 0);
	scene->slots_fd = memfd_create("spaces", MFD_CLOEXEC);
	scene->mappings_fd = memfd_create("mappings", MFD_CLOEXEC);
	CU_ASSERT_EQUAL(ftruncate(scene->slots_fd, SPACES_MAX * sizeof(struct space)), 0);
	CU_ASSERT_EQUAL(ftruncate(scene->mappings_fd, MAPPINGS_MAX * sizeof(struct mapping)), 0);
	sampler->objects = objects_new();
	CU_ASSERT_EQUAL(spaces_new(scene->slots_fd, scene->mappings_fd, sampler->objects,
				   scene->asker, &sampler->spaces, NULL),
			0);
	sampler->processes = processes_new(sampler->spaces, sampler->objects, scene->asker);
	locations_init(&sampler->locations);
	stacks_init(&sampler->stacks, &sampler->locations, sampler->processes, NULL);
	scene->symbolizer = symbolizer_new(scene->event, NULL, sampler->objects);
	sampler->loader = unwind_loader_new(scene->symbolizer, sampler->objects, sampler->spaces,
					    NULL, NULL, NULL);
	threads_init(&scene->stays.threads);
	threads_init(&scene->leaves.threads);
	tally_init(&scene->stays.tally, &scene->stays.threads);
	tally_init(&scene->leaves.tally, &scene->leaves.threads);
	sampler->sessions[3] = &scene->stays;
	sampler->sessions[5] = &scene->leaves;
	scene->stack = calloc(1, sizeof(*scene->stack) + USER_FRAMES_MAX * sizeof(struct frame));
}

static void end(struct scene *scene)
{
	free(scene->stack);
	tally_deinit(&scene->stays.tally);
	tally_deinit(&scene->leaves.tally);
	threads_deinit(&scene->stays.threads);
	threads_deinit(&scene->leaves.threads);
	unwind_loader_free(scene->sampler.loader);
	symbolizer_free(scene->symbolizer);
	stacks_deinit(&scene->sampler.stacks);
	locations_deinit(&scene->sampler.locations);
	processes_free(scene->sampler.processes);
	spaces_free(scene->sampler.spaces);
	objects_free(scene->sampler.objects);
	close(scene->slots_fd);
	close(scene->mappings_fd);
	sd_event_unref(scene->event);
	asker_free(scene->asker);
	serving_end(&scene->serving);
}

/* A sample with a deep stack of its own, of one kind or another, in this object. */
static uint32_t sample(struct scene *scene, struct session *session, uint64_t hash, uint32_t object)
{
	struct stack_event *stack = scene->stack;
	*stack = (struct stack_event){.hash = hash, .n_frames = USER_FRAMES_MAX, .end = WALK_ROOT};
	for (uint32_t i = 0; i < USER_FRAMES_MAX; i++)
		stack->frames[i] = (struct frame){
			.address = i, .object = object, .kind = FRAME_FILE, .flags = FRAME_EXACT};
	stacks_add(&scene->sampler.stacks, stack);
	uint32_t number = stacks_find(&scene->sampler.stacks, hash, 0, NULL);
	const struct sample_event event = {.tid = 7, .tgid = 7, .start_time_ns = 1};
	const struct tally_stacks stacks = {.kernel = hash % 3 == 0 ? number : 0,
					    .user = hash % 3 == 1 ? number : 0,
					    .waker = hash % 3 == 2 ? number : 0};
	tally_add(&session->tally, &event, stacks, WAIT_RUNNING);
	return number;
}

static void leave(struct scene *scene)
{
	scene->sampler.sessions[5] = NULL;
	scene->sampler.parted++;
}

/* Whether the second step was done, with the time that it waits for over. */
static bool look(struct scene *scene)
{
	const uint64_t seconds = 3 * 1000000000ull;
	CU_ASSERT_FALSE(sweep_look(&scene->sweep, &scene->sampler, scene->symbolizer));
	if (!scene->sweep.condemned_ns)
		return false;
	CU_ASSERT_FALSE(sweep_look(&scene->sweep, &scene->sampler, scene->symbolizer));
	scene->sweep.condemned_ns -= seconds;
	return sweep_look(&scene->sweep, &scene->sampler, scene->symbolizer);
}

static void what_a_recording_leaves_behind(void)
{
	static struct scene scene;
	begin(&scene);
	const struct stacks *stacks = &scene.sampler.stacks;
	uint32_t own[4];
	for (uint32_t i = 0; i < 4; i++)
		own[i] = sample(&scene, &scene.stays, 1000 * i + 1, 0);
	uint64_t few = stacks_bytes(stacks, NULL);
	CU_ASSERT_FALSE(look(&scene));
	for (uint64_t i = 0; i < 2500; i++)
		sample(&scene, &scene.leaves, 10000 + i, 0);
	CU_ASSERT(stacks_bytes(stacks, NULL) > 8 << 20);
	CU_ASSERT_FALSE(look(&scene)); /* all are used */
	CU_ASSERT_EQUAL(stacks_count(stacks), 2504);
	leave(&scene);
	CU_ASSERT_TRUE(look(&scene));
	CU_ASSERT_EQUAL(stacks_count(stacks), 4);
	CU_ASSERT_EQUAL(stacks_bytes(stacks, NULL), few);
	for (uint32_t i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(stacks_find(&scene.sampler.stacks, 1000 * i + 1, 0, NULL), own[i]);
	CU_ASSERT_FALSE(look(&scene));
	end(&scene);
}

/* Files that nobody can open any more, each met once. */
static uint32_t meet(struct scene *scene, uint64_t inode)
{
	char path[] = "/gone";
	const struct maps_line line = {
		.start = 4096, .end = 8192, .inode = inode, .kind = MAPS_FILE, .path = path};
	return objects_find(scene->sampler.objects, scene->asker, 0x7ffffff0, &line);
}

static void files_that_nobody_refers_to(void)
{
	static struct scene scene;
	begin(&scene);
	struct objects *objects = scene.sampler.objects;
	uint32_t named = meet(&scene, 1), main_object = meet(&scene, 2), last = 0;
	sample(&scene, &scene.stays, 1, named);
	scene.stays.main_object = main_object;
	for (uint64_t i = 3; objects_held(objects) < OBJECTS_KEPT; i++)
		last = meet(&scene, i);
	CU_ASSERT_FALSE(look(&scene));
	uint32_t more = meet(&scene, 1000000);
	sample(&scene, &scene.leaves, 2, more);
	leave(&scene);
	CU_ASSERT_TRUE(look(&scene));
	CU_ASSERT_EQUAL(objects_held(objects), 2);
	CU_ASSERT_EQUAL(meet(&scene, 1), named);
	CU_ASSERT_EQUAL(meet(&scene, 2), main_object);
	CU_ASSERT_EQUAL(objects_get(objects, last)->path, NULL);
	/* Its number is another's now. */
	CU_ASSERT(meet(&scene, 7) > 2 && objects_count(objects) == OBJECTS_KEPT + 1);
	CU_ASSERT_EQUAL(objects_held(objects), 3);
	end(&scene);
}

/* Also one that was met before, and has not had its turn. */
static void what_was_met_last_gets_its_table_first(void)
{
	static struct scene scene;
	begin(&scene);
	struct objects *objects = scene.sampler.objects;
	const struct maps_line vdso = {.start = 4096, .end = 8192, .kind = MAPS_VDSO};
	uint32_t first = objects_find(objects, scene.asker, 1, &vdso), others[3];
	for (uint64_t i = 0; i < 3; i++) {
		others[i] = meet(&scene, i + 1);
		objects_want_table(objects, others[i]);
	}
	CU_ASSERT_EQUAL(objects_take_wanted(objects), others[2]);
	CU_ASSERT_EQUAL(objects_find(objects, scene.asker, 1, &vdso), first);
	CU_ASSERT_EQUAL(objects_take_wanted(objects), first);
	CU_ASSERT_EQUAL(objects_find(objects, scene.asker, 1, &vdso), first);
	CU_ASSERT_EQUAL(objects_table(objects, first), MAPPING_TABLE_PENDING);
	CU_ASSERT_EQUAL(objects_take_wanted(objects), others[1]);
	CU_ASSERT_EQUAL(objects_take_wanted(objects), others[0]);
	CU_ASSERT_EQUAL(objects_take_wanted(objects), 0);
	end(&scene);
}

static struct process *add_process(struct scene *scene)
{
	static const char text[] = "00400000-00401000 r-xp 00000000 00:00 5 /gone\n"
				   "10000000-10001000 r-xp 00000000 00:00 0 \n";
	int maps guard_fd = memfd_create("maps", MFD_CLOEXEC);
	CU_ASSERT_EQUAL(pwrite(maps, text, sizeof(text) - 1, 0), sizeof(text) - 1);
	return processes_add(scene->sampler.processes, 0x7ffffff0, maps, 0);
}

static bool is_none(void *context, uint32_t pid)
{
	return false;
}

/* So many that it is worth while. */
static void meet_many(struct scene *scene, uint64_t first)
{
	while (objects_held(scene->sampler.objects) < 2 * OBJECTS_KEPT)
		meet(scene, first++);
}

static void what_processes_have(void)
{
	static struct scene scene;
	begin(&scene);
	struct objects *objects = scene.sampler.objects;
	struct process *process = add_process(&scene);
	struct location made;
	CU_ASSERT_FATAL(process->space && process->space->maps.n == 2);
	uint32_t mapped = process->space->objects[0];
	processes_resolve(scene.sampler.processes, process, 0x10000800, &made);
	CU_ASSERT(mapped && made.object && made.object != mapped);
	CU_ASSERT_EQUAL(objects_held(objects), 2);
	meet_many(&scene, 1000);
	CU_ASSERT_TRUE(look(&scene));
	CU_ASSERT_EQUAL(objects_held(objects), 2);
	CU_ASSERT_EQUAL(meet(&scene, 5), mapped);
	CU_ASSERT_EQUAL(objects_get(objects, made.object)->kind, OBJECT_JIT);
	processes_prune(scene.sampler.processes, is_none, NULL);
	meet_many(&scene, 100000);
	CU_ASSERT_TRUE(look(&scene));
	CU_ASSERT_EQUAL(objects_held(objects), 0);
	end(&scene);
}

/* While names are asked for, objects keep their numbers. */
static void what_is_being_named(void)
{
	static struct scene scene;
	begin(&scene);
	meet_many(&scene, 1);
	uint32_t held = objects_held(scene.sampler.objects);
	CU_ASSERT_TRUE(symbolizer_prepare(scene.symbolizer, 1));
	CU_ASSERT_TRUE(look(&scene));
	CU_ASSERT_EQUAL(objects_held(scene.sampler.objects), held);
	end(&scene);
}

/* Met between the steps. */
static void files_that_come_back(void)
{
	static struct scene scene;
	begin(&scene);
	struct objects *objects = scene.sampler.objects;
	for (uint64_t i = 1; objects_held(objects) <= OBJECTS_KEPT; i++)
		meet(&scene, i);
	uint32_t back = objects_held(objects);
	CU_ASSERT_FALSE(sweep_look(&scene.sweep, &scene.sampler, scene.symbolizer));
	CU_ASSERT_EQUAL(meet(&scene, back), back);
	CU_ASSERT_TRUE(look(&scene));
	CU_ASSERT_EQUAL(objects_held(objects), 1);
	CU_ASSERT_EQUAL(meet(&scene, back), back);
	CU_ASSERT_EQUAL(objects_held(objects), 1);
	end(&scene);
}

/* What was dropped is not dropped again: two files would get one number. */
static void numbers_that_are_free(void)
{
	static struct scene scene;
	begin(&scene);
	struct objects *objects = scene.sampler.objects;
	bool *taken guard_mem = calloc(4 * OBJECTS_KEPT, sizeof(*taken));
	uint64_t inode = 1;
	for (int round = 0; round < 2; round++) {
		while (objects_held(objects) <= OBJECTS_KEPT + 8 * !round)
			meet(&scene, inode++);
		CU_ASSERT_TRUE(look(&scene));
		CU_ASSERT_EQUAL(objects_held(objects), 0);
	}
	for (uint32_t i = 0; i < OBJECTS_KEPT + 16; i++) {
		uint32_t number = meet(&scene, inode++);
		CU_ASSERT_FATAL(number > 0 && number < 4 * OBJECTS_KEPT);
		CU_ASSERT_FALSE(taken[number]);
		taken[number] = true;
		CU_ASSERT_EQUAL(objects_held(objects), i + 1);
	}
	end(&scene);
}

SUITE(sweep, {"what a recording leaves behind", what_a_recording_leaves_behind},
      {"files that nobody refers to", files_that_nobody_refers_to},
      {"what was met last gets its table first", what_was_met_last_gets_its_table_first},
      {"what processes have", what_processes_have}, {"what is being named", what_is_being_named},
      {"files that come back", files_that_come_back},
      {"numbers that are free", numbers_that_are_free});
