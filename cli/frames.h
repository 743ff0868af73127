/* SPDX-License-Identifier: Apache-2.0 */
/* What frames are called in a view. A view looks at a stack as a sequence of keys: by function and
 * module, by module alone, by line, …; frames that look alike have one key, a location with inlined
 * functions is several keys. All text is escaped and ready for people. */
#pragma once

#include "common/guard.h"
#include "common/profile.h"

#include <stdbool.h>
#include <stdint.h>

/* What tells keys apart. */
enum frames_parts {
	FRAMES_FUNCTION = 1,
	FRAMES_MODULE = 2,
	FRAMES_LINE = 4, /* source file and line */
	FRAMES_KIND = 8, /* enum frames_kind */
};

enum frames_kind {
	FRAMES_KERNEL = 1,
	FRAMES_INLINED = 2,
	FRAMES_JIT = 4,
};

struct frames_key {
	const char *name;   /* never empty; with FRAMES_MODULE alone: the module */
	const char *module; /* its file's name without directories; "[kernel]"; "" unknown */
	const char *file;   /* of the source, without directories; "" unknown or not asked for */
	int64_t line;
	unsigned kind; /* without FRAMES_KIND: of the first frame that was met */
};

struct frames;

/* `profile` is borrowed and must not change. */
struct frames *frames_new(const struct profile *profile, unsigned parts);
void frames_free(struct frames *frames);
GUARD_DEFINE(frames, struct frames *, frames_free)

/* Whether a function is called by an address alone, `xz+0x4a20`, `[xz+0x4a20]`, or not even that.
 */
bool frames_is_nameless(const char *name, const char *module);

/* Keys are numbers from 1 up to, not including, frames_end(). */
uint32_t frames_end(const struct frames *frames);
const struct frames_key *frames_key(const struct frames *frames, uint32_t key);
/* The keys of a location, innermost first: *n of them, at least one. Location 0 has none. */
const uint32_t *frames_of(const struct frames *frames, uint32_t location, uint32_t *n);
