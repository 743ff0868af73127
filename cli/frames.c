/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/frames.h"

#include "common/array.h"
#include "common/memory.h"
#include "common/escape.h"
#include "common/index.h"
#include "common/path.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

/* What a key is made of: numbers only, so that finding it again costs no text. */
struct parts {
	uint32_t module; /* in modules */
	uint32_t name;	 /* string of the profile; 0: by address */
	uint32_t file;	 /* string */
	uint32_t kind;
	uint64_t line_or_address;
};

struct module {
	char *name;
	unsigned kind;
};

struct frames {
	const struct profile *profile;
	unsigned parts;
	struct {
		struct module *at;
		uint32_t n, room;
	} modules;	     /* 0: none */
	uint32_t *module_of; /* mapping → module */
	struct {
		struct parts *at;
		uint32_t n, room;
	} made_of; /* of the key of the same number */
	struct {
		struct frames_key *at;
		uint32_t n, room;
	} keys;
	struct {
		uint32_t *at;
		uint32_t n, room;
	} sequence;	 /* keys of all locations */
	uint32_t *start; /* location → in sequence; one more than there are locations */
	struct index index;
};

static unsigned module_kind(const char *path)
{
	static const char *const jit[] = {"[anon", "//anon",	 "[jit",
					  "[JIT",  "/tmp/perf-", "jitted-"};
	if (path_has_prefix(path, "[kernel") || path_has_prefix(path, "[guest.kernel") ||
	    !strcmp(path_base(path), "vmlinux"))
		return FRAMES_KERNEL;
	for (size_t i = 0; i < sizeof(jit) / sizeof(*jit); i++)
		if (path_has_prefix(path, jit[i]) || path_has_prefix(path_base(path), jit[i]))
			return FRAMES_JIT;
	return 0;
}

static bool same_module(const void *context, uint32_t number, const void *key)
{
	const struct frames *frames = context;
	return !strcmp(frames->modules.at[number].name, key);
}

/* Two segments of a file, or files of one name in two containers, are one module. */
static void name_modules(struct frames *frames)
{
	const struct profile *profile = frames->profile;
	struct index index = {0};
	frames->module_of = memory_new(profile->mappings.n + 1, sizeof(uint32_t));
	array_add(&frames->modules)->name = array_copy("", 0);
	for (uint32_t i = 1; i < profile->mappings.n; i++) {
		uint32_t file = profile->mappings.at[i].file;
		const char *path = profile_string(profile, file);
		const char *shown =
			path_has_prefix(path, "[kernel.kallsyms]") ? "[kernel]" : path_base(path);
		char *name = escape_new(shown, strlen(shown));
		uint64_t hash = index_hash(name, strlen(name));
		uint32_t number = *name ? index_find(&index, hash, same_module, frames, name) : 0;
		if (!number && *name) {
			number = frames->modules.n;
			*array_add(&frames->modules) =
				(struct module){array_copy(name, strlen(name)), module_kind(path)};
			index_add(&index, hash, number);
		}
		free(name);
		frames->module_of[i] = number;
	}
	index_deinit(&index);
}

static char *address_text(const struct frames *frames, const struct parts *parts)
{
	char raw[64];
	const char *module = frames->modules.at[parts->module].name;
	if (!*module) {
		snprintf(raw, sizeof(raw), "[0x%" PRIx64 "]", parts->line_or_address);
		return array_copy(raw, strlen(raw));
	}
	snprintf(raw, sizeof(raw), "+0x%" PRIx64 "]", parts->line_or_address);
	size_t n = strlen(module) + strlen(raw) + 2;
	char *text = memory_new(n, 1);
	snprintf(text, n, "[%s%s", module, raw);
	return text;
}

static void make_key(struct frames *frames, const struct parts *parts, unsigned kind)
{
	const struct profile *profile = frames->profile;
	struct frames_key *key = array_add(&frames->keys);
	const struct module *module = &frames->modules.at[parts->module];
	const char *name = profile_string(profile, parts->name);
	key->module = module->name;
	key->kind = kind;
	if (!(frames->parts & FRAMES_FUNCTION))
		key->name = array_copy(*module->name ? module->name : "[unknown]",
				       *module->name ? strlen(module->name) : 9);
	else
		key->name =
			parts->name ? escape_new(name, strlen(name)) : address_text(frames, parts);
	const char *file = path_base(profile_string(profile, parts->file));
	key->file = escape_new(file, strlen(file));
	key->line =
		parts->name && frames->parts & FRAMES_LINE ? (int64_t)parts->line_or_address : 0;
}

static bool same_parts(const void *context, uint32_t number, const void *key)
{
	const struct frames *frames = context;
	return !memcmp(&frames->made_of.at[number], key, sizeof(struct parts));
}

static void add_frame(struct frames *frames, const struct parts *full)
{
	struct parts parts = *full;
	if (!(frames->parts & FRAMES_FUNCTION))
		parts.name = 0;
	if (!(frames->parts & FRAMES_FUNCTION) || (parts.name && !(frames->parts & FRAMES_LINE)))
		parts.line_or_address = 0;
	if (!(frames->parts & FRAMES_MODULE) && parts.name)
		parts.module = 0;
	if (!(frames->parts & FRAMES_LINE))
		parts.file = 0;
	if (!(frames->parts & FRAMES_KIND))
		parts.kind = 0;
	uint64_t hash = index_hash(&parts, sizeof(parts));
	uint32_t key = index_find(&frames->index, hash, same_parts, frames, &parts);
	if (!key) {
		key = frames->made_of.n;
		*array_add(&frames->made_of) = parts;
		make_key(frames, &parts, full->kind);
		index_add(&frames->index, hash, key);
	}
	*array_add(&frames->sequence) = key;
}

static void add_location(struct frames *frames, const struct profile_location *location)
{
	const struct profile *profile = frames->profile;
	uint32_t module = frames->module_of[location->mapping];
	unsigned kind = frames->modules.at[module].kind;
	/* An address in the file, whether the mapping is of run time or of rest. */
	uint64_t address = location->address;
	const struct profile_mapping *mapping = &profile->mappings.at[location->mapping];
	if (location->mapping && address >= mapping->start && address < mapping->limit)
		address = address - mapping->start + mapping->offset;
	for (uint32_t i = 0; i < location->n_lines; i++) {
		const struct profile_line *line = &profile->lines.at[location->first_line + i];
		const struct profile_function *function = &profile->functions.at[line->function];
		uint32_t name = function->name ? function->name : function->system_name;
		bool inlined = i + 1 < location->n_lines;
		struct parts parts = {.module = module,
				      .name = name,
				      .file = function->file,
				      .kind = kind | (inlined ? FRAMES_INLINED : 0),
				      .line_or_address = name ? (uint64_t)line->line : address};
		add_frame(frames, &parts);
	}
	if (!location->n_lines) {
		struct parts parts = {.module = module, .kind = kind, .line_or_address = address};
		add_frame(frames, &parts);
	}
}

struct frames *frames_new(const struct profile *profile, unsigned parts)
{
	struct frames *frames = memory_new(1, sizeof(*frames));
	frames->profile = profile;
	frames->parts = parts;
	name_modules(frames);
	array_add(&frames->made_of); /* key 0: none */
	array_add(&frames->keys);
	frames->start = memory_new((size_t)profile->locations.n + 2, sizeof(uint32_t));
	for (uint32_t i = 1; i < profile->locations.n; i++) {
		frames->start[i] = frames->sequence.n;
		add_location(frames, &profile->locations.at[i]);
	}
	frames->start[profile->locations.n] = frames->sequence.n;
	return frames;
}

void frames_free(struct frames *frames)
{
	if (!frames)
		return;
	for (uint32_t i = 1; i < frames->keys.n; i++) {
		free((char *)frames->keys.at[i].name);
		free((char *)frames->keys.at[i].file);
	}
	for (uint32_t i = 0; i < frames->modules.n; i++)
		free(frames->modules.at[i].name);
	index_deinit(&frames->index);
	free(frames->modules.at);
	free(frames->module_of);
	free(frames->made_of.at);
	free(frames->keys.at);
	free(frames->sequence.at);
	free(frames->start);
	free(frames);
}

bool frames_is_nameless(const char *name, const char *module)
{
	module += *module == '[';
	const size_t n = strcspn(module, "]");
	if (!*name || !strcmp(name, "[jit]") || !strcmp(name, "[unknown]"))
		return true;
	name += *name == '[';
	return !strncmp(name, "0x", 2) ||
	       (n && !strncmp(name, module, n) && !strncmp(name + n, "+0x", 3));
}

uint32_t frames_end(const struct frames *frames)
{
	return frames->keys.n;
}

const struct frames_key *frames_key(const struct frames *frames, uint32_t key)
{
	return &frames->keys.at[key];
}

const uint32_t *frames_of(const struct frames *frames, uint32_t location, uint32_t *n)
{
	*n = location ? frames->start[location + 1] - frames->start[location] : 0;
	return frames->sequence.at + frames->start[location];
}
