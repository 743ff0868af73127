/* SPDX-License-Identifier: Apache-2.0 */
/* Locations are grouped by object and named an object at a time; each becomes a location of the
 * profile as its name arrives. Then the tally's rows, which are numbers of locations, are written
 * as stacks. The main binary's mapping comes first, as pprof wants it. */
#include "daemon/build.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/array.h"
#include "common/clock.h"
#include "common/escape.h"
#include "common/guard.h"
#include "common/limits.h"
#include "common/memory.h"
#include "common/path.h"
#include "common/profile.h"
#include "common/worker.h"
#include "daemon/build_info.h"
#include "daemon/build_rows.h"
#include "daemon/objects.h"
#include "daemon/sampler.h"
#include "daemon/session.h"
#include "daemon/symbolizer.h"

/* After these, names come from symbols only, and then no more: a file made to keep a worker busy
 * costs WORKER_SECONDS, and a target may have mapped many. */
#ifdef TYPES_SMALL /* for tests: bpf/types.h */
#define NAMES_NS (1 * 1000000000ull)
#define SYMBOLS_NS (4 * 1000000000ull)
#else
#define NAMES_NS (20 * 1000000000ull)
#define SYMBOLS_NS (40 * 1000000000ull)
#endif

/* In `located`: asked for, no answer yet. */
static const uint32_t UNNAMED = UINT32_MAX;

struct build_object {
	uint32_t object; /* SYMBOLIZER_KERNEL, or the number */
	uint32_t mapping;
	uint32_t first, n; /* in `order`: its locations */
};

struct build {
	struct symbolizer *symbolizer;
	struct sampler *sampler;
	const struct session *session;
	void (*on_done)(void *context, const struct build_result *result);
	void *context;
	struct profile *profile;
	uint32_t *located;   /* by location: the profile's, 0: not used */
	bool *named;	     /* by location */
	uint32_t *order;     /* locations used, grouped by object */
	uint64_t *addresses; /* of order */
	uint32_t n_order;
	uint32_t first_without; /* from here on, in order, code without an object */
	struct build_object *objects;
	uint32_t n_objects, objects_room, done;
	uint64_t begun_ns;
	uint32_t hurried, unasked;	 /* objects for which time was short */
	uint32_t forbidden;		 /* files that our rights were not enough for */
	uint32_t no_names, no_names_pid; /* processes that do not name the code they made; one */
};

static const struct location *location_at(const struct build *build, uint32_t number)
{
	return &build->sampler->locations.at[number];
}

static uint32_t add_text(struct profile *profile, const char *text, size_t n)
{
	char clean[LIMIT_NAME_BYTES];
	return profile_add_string(profile, clean, escape_text(clean, sizeof(clean), text, n));
}

static uint32_t add_string(struct profile *profile, const char *text)
{
	return add_text(profile, text, strlen(text));
}

static void mark_stack(struct build *build, uint32_t number)
{
	const struct stacks *stacks = &build->sampler->stacks;
	const struct stack *stack = &stacks->stacks.at[number];
	for (uint32_t i = 0; i < stack->n; i++)
		build->located[stacks->frames.at[stack->first + i]] = 1;
}

static void mark_used(struct build *build)
{
	const struct tally *tally = &build->session->tally;
	for (uint32_t i = 1; i < tally->rows.n; i++) {
		mark_stack(build, tally->rows.at[i].stacks.kernel);
		mark_stack(build, tally->rows.at[i].stacks.user);
		mark_stack(build, tally->rows.at[i].stacks.waker);
	}
}

/* Main binary first, then the other files, the kernel, code that processes made, and what lies in
 * nothing that is known. */
static uint64_t rank_of(const struct build *build, const struct location *location)
{
	switch (location->kind) {
	case LOCATION_FILE:
		return location->object == build->session->main_object ? 0
								       : 1ull + location->object;
	case LOCATION_KERNEL:
		return 1ull << 33;
	default:
		return location->object ? (2ull << 33) + location->object : 3ull << 33;
	}
}

static int compare_locations(const void *a, const void *b, void *context)
{
	const struct build *build = context;
	const struct location *x = location_at(build, *(const uint32_t *)a);
	const struct location *y = location_at(build, *(const uint32_t *)b);
	uint64_t p = rank_of(build, x), q = rank_of(build, y);
	if (p != q)
		return p < q ? -1 : 1;
	return x->address < y->address ? -1 : x->address > y->address;
}

static void add_object(struct build *build, uint32_t object, uint32_t first, uint32_t n)
{
	build->objects = array_room(build->objects, build->n_objects, &build->objects_room,
				    sizeof(*build->objects));
	build->objects[build->n_objects++] =
		(struct build_object){.object = object, .first = first, .n = n};
}

static uint32_t add_function(struct build *build, const char *name, size_t n)
{
	return profile_add_function(
		build->profile,
		&(struct profile_function){.name = add_text(build->profile, name, n)});
}

/* Code that is in no file and has no name. */
static uint32_t unnamed_code(struct build *build, uint32_t location)
{
	return location_at(build, location)->kind == LOCATION_ANONYMOUS
		       ? add_function(build, "[jit]", 5)
		       : add_function(build, "[unknown]", 9);
}

/* What lies in no object: no more is known of it. */
static void name_without_object(struct build *build)
{
	uint32_t file = add_string(build->profile, "[anon]"), mapping = 0;
	for (uint32_t i = build->first_without; i < build->n_order; i++) {
		uint32_t number = build->order[i];
		if (!mapping)
			mapping = profile_add_mapping(
				build->profile, &(struct profile_mapping){.limit = UINT64_MAX,
									  .file = file,
									  .has_functions = true});
		struct profile_line line = {unnamed_code(build, number)};
		build->located[number] = profile_add_location(
			build->profile,
			&(struct profile_location){.mapping = mapping,
						   .address = location_at(build, number)->address},
			&line, 1);
	}
}

/* Sorts the locations used into groups an object each. */
static void group(struct build *build)
{
	uint32_t n = build->sampler->locations.n;
	build->order = memory_new(n, sizeof(*build->order));
	build->addresses = memory_new(n, sizeof(*build->addresses));
	for (uint32_t i = 1; i < n; i++)
		if (build->located[i])
			build->order[build->n_order++] = i;
	qsort_r(build->order, build->n_order, sizeof(*build->order), compare_locations, build);
	uint32_t first = 0, main_object = build->session->main_object;
	/* Its mapping is the first, also when no sample fell into it. */
	if (main_object && (!build->n_order || rank_of(build, location_at(build, build->order[0]))))
		add_object(build, main_object, 0, 0);
	for (uint32_t i = 0; i < build->n_order; i++) {
		const struct location *location = location_at(build, build->order[i]);
		build->addresses[i] = location->address;
		uint64_t rank = rank_of(build, location);
		if (i + 1 < build->n_order &&
		    rank_of(build, location_at(build, build->order[i + 1])) == rank)
			continue;
		if (location->kind == LOCATION_KERNEL)
			add_object(build, SYMBOLIZER_KERNEL, first, i + 1 - first);
		else if (location->object)
			add_object(build, location->object, first, i + 1 - first);
		else
			break; /* the last group */
		first = i + 1;
	}
	build->first_without = first;
}

static const char *path_of(const struct build *build, uint32_t object)
{
	return object == SYMBOLIZER_KERNEL ? "[kernel.kallsyms]"
					   : objects_get(build->sampler->objects, object)->path;
}

/* One mapping an object: its segment that holds code, as in the file at rest, so that pprof's own
 * -list and -disasm find their way. */
static void on_object(void *context, const struct worker_opened *opened)
{
	struct build *build = context;
	struct build_object *object = &build->objects[build->done];
	const char *path = path_of(build, object->object);
	struct profile_mapping mapping = {
		.limit = UINT64_MAX,
		.file = add_string(build->profile, path),
		.has_functions = true,
	};
	if (opened && opened->n_segments) {
		mapping.start = opened->segments[0].vaddr;
		mapping.limit = mapping.start + opened->segments[0].memory_bytes;
		mapping.offset = opened->segments[0].offset;
	}
	char id[2 * WORKER_BUILD_ID + 1] = "";
	for (uint32_t i = 0; opened && i < opened->n_build_id && i < WORKER_BUILD_ID; i++)
		snprintf(id + 2 * i, 3, "%02x", opened->build_id[i]);
	mapping.build_id = profile_add_string(build->profile, id, strlen(id));
	if (opened && *opened->note)
		build_info_add_note(build->profile->info, path, 0, opened->note);
	object->mapping = profile_add_mapping(build->profile, &mapping);
}

static uint32_t function_of(struct build *build, const struct worker_link_line *line)
{
	struct profile_function function = {
		.name = add_string(build->profile, line->name),
		.file = add_string(build->profile, line->file),
		.start_line = line->start_line,
	};
	function.system_name =
		*line->system_name ? add_string(build->profile, line->system_name) : function.name;
	return profile_add_function(build->profile, &function);
}

static bool is_jit(const struct build *build, uint32_t object)
{
	return object != SYMBOLIZER_KERNEL &&
	       objects_get(build->sampler->objects, object)->kind == OBJECT_JIT;
}

/* `xz+0x4a20`, a function without a name by its start; `[libfoo.so+0x1231]`, where not even that is
 * known: never an empty name. */
static uint32_t nameless(struct build *build, uint32_t object, uint32_t location,
			 const struct worker_link_name *name)
{
	char text[LIMIT_NAME_BYTES];
	if (is_jit(build, object))
		return unnamed_code(build, location);
	const char *path =
		object == SYMBOLIZER_KERNEL ? "kernel" : path_base(path_of(build, object));
	if (name->start)
		snprintf(text, sizeof(text), "%.255s+0x%" PRIx64, path, name->start);
	else
		snprintf(text, sizeof(text), "[%.255s+0x%" PRIx64 "]", path, name->vaddr);
	return add_function(build, text, strlen(text));
}

static uint32_t kernel_mapping(struct build *build, const struct build_object *object,
			       const struct worker_link_line *line)
{
	if (object->object != SYMBOLIZER_KERNEL || !*line->module)
		return object->mapping;
	char name[128];
	snprintf(name, sizeof(name), "[%.100s]", line->module);
	return profile_add_mapping(build->profile, &(struct profile_mapping){
							   .limit = UINT64_MAX,
							   .file = add_string(build->profile, name),
							   .has_functions = true,
						   });
}

static void on_name(void *context, size_t i, const struct worker_link_name *name)
{
	struct build *build = context;
	struct build_object *object = &build->objects[build->done];
	uint32_t number = build->order[object->first + i], n = name->n_lines;
	struct profile_line out[WORKER_LINK_LINES];
	struct profile_location location = {.mapping = object->mapping, .address = name->vaddr};
	for (uint32_t k = 0; k < n; k++)
		out[k] = (struct profile_line){function_of(build, &name->lines[k]),
					       name->lines[k].line, 0};
	if (n)
		location.mapping = kernel_mapping(build, object, &name->lines[n - 1]);
	else
		out[0] = (struct profile_line){nameless(build, object->object, number, name), 0, 0};
	build->named[number] = n != 0;
	build->located[number] = profile_add_location(build->profile, &location, out, n ? n : 1);
	if (n && name->lines[0].line) {
		struct profile_mapping *mapping = &build->profile->mappings.at[location.mapping];
		mapping->has_line_numbers = mapping->has_filenames = true;
		mapping->has_inline_frames = true;
	}
}

/* Those that got no answer keep their module and address. */
static void name_rest(struct build *build)
{
	struct build_object *object = &build->objects[build->done];
	if (!object->mapping)
		on_object(build, NULL);
	for (uint32_t i = 0; i < object->n; i++)
		if (build->located[build->order[object->first + i]] == UNNAMED)
			on_name(build, i,
				&(struct worker_link_name){
					.vaddr = build->addresses[object->first + i]});
}

static void ask_next(struct build *build);

static void add_note(struct build *build, uint32_t object, int code, const char *note)
{
	const struct object *file = objects_get(build->sampler->objects, object);
	if (is_jit(build, object) && (code == -ENOENT || code == -ESRCH)) {
		build->no_names++;
		build->no_names_pid = file->pid;
	} else {
		build_info_add_note(build->profile->info, path_of(build, object), code, note);
	}
}

/* One for all: a service has many processes. */
static void note_no_names(struct build *build)
{
	char text[128];
	if (!build->no_names)
		return;
	snprintf(text, sizeof(text),
		 "%u process%s (%u) wrote no /tmp/perf-PID.map with names of the code made at run "
		 "time",
		 build->no_names, build->no_names > 1 ? "es" : "", build->no_names_pid);
	build_info_add_note(build->profile->info, "[jit]", 0, text);
}

static void note_hurry(struct build *build)
{
	char text[160];
	if (!build->hurried && !build->unasked)
		return;
	snprintf(text, sizeof(text),
		 "took too long: no lines and inlined functions of %u files, no names at all of %u",
		 build->hurried, build->unasked);
	build_info_add_note(build->profile->info, "names", 0, text);
}

static void on_object_done(void *context, int code, const char *note)
{
	struct build *build = context;
	const struct build_object *object = &build->objects[build->done];
	name_rest(build);
	if (code)
		add_note(build, object->object, code, note);
	build->forbidden += code == -EPERM;
	build->done++;
	ask_next(build);
}

static void finish(struct build *build)
{
	struct build_result result = {.forbidden = build->forbidden};
	name_without_object(build);
	note_no_names(build);
	note_hurry(build);
	uint32_t nameless = build_rows(build->profile, build->sampler, build->session,
				       build->located, build->named, &result);
	const char *path = nameless ? path_of(build, nameless) : "";
	if (strlen(path) < sizeof(result.nameless))
		memcpy(result.nameless, path, strlen(path) + 1);
	build_info(build->profile, build->sampler, build->session, &result);
	result.profile = steal_ptr(build->profile);
	build->on_done(build->context, &result);
}

/* Asks for the next object's names, as much of them as time is left for. false: for none. */
static bool ask(struct build *build)
{
	static const struct symbolizer_handlers handlers = {on_object, on_name, on_object_done};
	const struct build_object *object = &build->objects[build->done];
	uint64_t spent_ns = clock_now_ns() - build->begun_ns;
	for (uint32_t i = 0; i < object->n; i++)
		build->located[build->order[object->first + i]] = UNNAMED;
	if (spent_ns > SYMBOLS_NS) {
		build->unasked++;
		name_rest(build);
		return false;
	}
	symbolizer_names(build->symbolizer, object->object, build->addresses + object->first,
			 object->n, &handlers, build);
	if (spent_ns > NAMES_NS) {
		build->hurried++;
		symbolizer_hurry(build->symbolizer, build);
	}
	return true;
}

static void ask_next(struct build *build)
{
	while (build->done < build->n_objects && !ask(build))
		build->done++;
	if (build->done == build->n_objects)
		finish(build);
}

struct build *build_new(struct symbolizer *symbolizer, struct sampler *sampler,
			const struct session *session,
			void (*on_done)(void *context, const struct build_result *result),
			void *context)
{
	struct build *build = memory_new(1, sizeof(*build));
	*build = (struct build){
		.symbolizer = symbolizer,
		.sampler = sampler,
		.session = session,
		.on_done = on_done,
		.context = context,
		.profile = profile_new_ours(),
		.located = memory_new(sampler->locations.n, sizeof(uint32_t)),
		.named = memory_new(sampler->locations.n, sizeof(bool)),
	};
	build->profile->info = build_info_new();
	if (!session_is_timed(session))
		build_rows_add_type(build->profile, session);
	build->begun_ns = clock_now_ns();
	mark_used(build);
	group(build);
	ask_next(build);
	return build;
}

void build_free(struct build *build)
{
	if (!build)
		return;
	symbolizer_forget(build->symbolizer, build);
	profile_free(build->profile);
	free(build->located);
	free(build->named);
	free(build->order);
	free(build->addresses);
	free(build->objects);
	free(build);
}

void build_progress(const struct build *build, uint32_t *done, uint32_t *all)
{
	*done = build->done;
	*all = build->n_objects;
}
