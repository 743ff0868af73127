/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/examine.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/escape.h"
#include "common/memory.h"
#include "common/protocol.pb-c.h"
#include "common/worker.h"
#include "daemon/objects.h"
#include "daemon/processes.h"
#include "daemon/sampler.h"
#include "daemon/spaces.h"
#include "daemon/symbolizer.h"

enum {
	MODULES_MAX = 1024, /* with paths of this length and notes they fit one frame */
	PATH_BYTES = 512,
};

/* What a module of the answer is; parallel to answer.module. */
struct examine {
	struct symbolizer *symbolizer;
	const struct sampler *sampler;
	void (*on_done)(void *context, struct Probe__Examine *answer);
	void *context;
	Probe__Examine answer;
	uint32_t *objects; /* by module; 0: code without a file */
	size_t asked;	   /* the module whose names are under way */
};

static char *copy_text(const char *text)
{
	return array_copy(text, strlen(text));
}

static char *copy_path(const char *path)
{
	char text[PATH_BYTES];
	escape_text(text, sizeof(text), path, strlen(path));
	return copy_text(text);
}

static const char *words(int code)
{
	switch (code) {
	case -ENODATA:
		return "no .eh_frame";
	case -ENOSPC:
		return "no room for it";
	case -E2BIG:
		return "too large";
	case -EPIPE:
	case -ETIMEDOUT:
	case -EPROTO:
		return "broken .eh_frame: its reader gave up";
	case -ENOEXEC:
		return "broken .eh_frame";
	default:
		return strerror(-code);
	}
}

static const char *rows_note(const struct object *object)
{
	if (object->table_code)
		return words(object->table_code);
	if (object->table_pending)
		return "not made yet";
	return object->table_evicted ? "no room for it" : "not made";
}

static void describe_rows(Probe__Examine__Module *module, const struct object *object)
{
	module->has_rows = 1;
	module->rows = object->rows;
	if (!object->rows)
		module->rows_note = copy_text(rows_note(object));
}

static void add_source(Probe__Examine__Module *module, const char *name)
{
	module->source =
		memory_resize(module->source, module->n_source + 1, sizeof(*module->source));
	module->source[module->n_source++] = copy_text(name);
}

static void describe_names(Probe__Examine__Module *module, const struct worker_opened *opened)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} sources[] = {
		{WORKER_SOURCE_DEBUG_FILE, "debug file"}, {WORKER_SOURCE_SYMTAB, ".symtab"},
		{WORKER_SOURCE_MINI, ".gnu_debugdata"},	  {WORKER_SOURCE_DYNSYM, ".dynsym"},
		{WORKER_SOURCE_GO, ".gopclntab"},
	};
	for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++)
		if (opened->sources & sources[i].bit)
			add_source(module, sources[i].name);
	module->has_symbols = module->has_lines = 1;
	module->symbols = opened->n_symbols;
	module->lines = opened->has_lines;
	if (opened->n_build_id) {
		module->has_build_id = 1;
		module->build_id.len = opened->n_build_id;
		module->build_id.data =
			memory_new(opened->n_build_id, sizeof(*module->build_id.data));
		memcpy(module->build_id.data, opened->build_id, opened->n_build_id);
	}
	if (*opened->note)
		module->note = copy_text(opened->note);
}

static void on_object(void *context, const struct worker_opened *opened)
{
	struct examine *examine = context;
	if (opened)
		describe_names(examine->answer.module[examine->asked], opened);
}

/* No names are asked for. */
static void on_name(void *context, size_t index, const struct worker_link_name *name)
{
}

static void ask_next(struct examine *examine);

static void on_names_done(void *context, int code, const char *why)
{
	struct examine *examine = context;
	Probe__Examine__Module *module = examine->answer.module[examine->asked];
	if (code && !module->note)
		module->note = copy_text(*why ? why : strerror(-code));
	examine->asked++;
	ask_next(examine);
}

/* One at a time, as the answers come in order. The rows are looked up last of all: a table that was
 * being made may have come meanwhile. */
static void ask_next(struct examine *examine)
{
	static const struct symbolizer_handlers handlers = {on_object, on_name, on_names_done};
	Probe__Examine *answer = &examine->answer;
	while (examine->asked < answer->n_module && !examine->objects[examine->asked])
		examine->asked++;
	if (examine->asked < answer->n_module) {
		symbolizer_names(examine->symbolizer, examine->objects[examine->asked], NULL, 0,
				 &handlers, examine);
		return;
	}
	for (size_t i = 0; i < answer->n_module; i++)
		if (examine->objects[i])
			describe_rows(answer->module[i],
				      objects_get(examine->sampler->objects, examine->objects[i]));
	examine->on_done(examine->context, answer);
}

static bool is_known(const struct examine *examine, uint32_t object)
{
	for (size_t i = 0; i < examine->answer.n_module; i++)
		if (examine->objects[i] == object)
			return true;
	return false;
}

static void add_module(struct examine *examine, uint32_t object, const struct maps_line *line)
{
	Probe__Examine *answer = &examine->answer;
	if (answer->n_module == MODULES_MAX) {
		answer->has_left_out = 1;
		answer->left_out++;
		return;
	}
	Probe__Examine__Module *module = memory_new(1, sizeof(*module));
	probe__examine__module__init(module);
	module->has_start = 1;
	module->start = line->start;
	module->path = object ? copy_path(objects_get(examine->sampler->objects, object)->path)
			      : copy_text("[jit]");
	if (!object)
		module->rows_note = copy_text("code without a file: walked by frame pointers");
	answer->module =
		memory_resize(answer->module, answer->n_module + 1, sizeof(*answer->module));
	examine->objects =
		memory_resize(examine->objects, answer->n_module + 1, sizeof(*examine->objects));
	examine->objects[answer->n_module] = object;
	answer->module[answer->n_module++] = module;
}

static void add_modules(struct examine *examine, uint32_t pid)
{
	const struct process *process = processes_find(examine->sampler->processes, pid);
	const struct address_space *space = process ? process->space : NULL;
	for (uint32_t i = 0; space && i < space->maps.n; i++) {
		const struct maps_line *line = &space->maps.at[i];
		if (line->kind != MAPS_OTHER && !is_known(examine, space->objects[i]))
			add_module(examine, space->objects[i], line);
	}
}

struct examine *examine_new(struct symbolizer *symbolizer, const struct sampler *sampler,
			    uint32_t pid,
			    void (*on_done)(void *context, struct Probe__Examine *answer),
			    void *context)
{
	struct examine *examine = memory_new(1, sizeof(*examine));
	examine->symbolizer = symbolizer;
	examine->sampler = sampler;
	examine->on_done = on_done;
	examine->context = context;
	probe__examine__init(&examine->answer);
	examine->answer.has_pid = 1;
	examine->answer.pid = pid;
	add_modules(examine, pid);
	ask_next(examine);
	return examine;
}

static void free_module(Probe__Examine__Module *module)
{
	for (size_t i = 0; i < module->n_source; i++)
		free(module->source[i]);
	free(module->source);
	free(module->path);
	free(module->build_id.data);
	free(module->rows_note);
	free(module->note);
	free(module);
}

void examine_free(struct examine *examine)
{
	if (!examine)
		return;
	symbolizer_forget(examine->symbolizer, examine);
	for (size_t i = 0; i < examine->answer.n_module; i++)
		free_module(examine->answer.module[i]);
	free(examine->answer.module);
	free(examine->objects);
	free(examine);
}
