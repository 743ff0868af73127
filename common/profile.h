/* SPDX-License-Identifier: Apache-2.0 */
/* The profile: the one model that recording builds, pprof files are read into, views are made of
 * and exports are written from. Everything is interned and numbered: a string, function, location,
 * stack or label set has one number, 0 is "none" (string 0 is ""), and equal ones are one. Rows
 * that are equal in stack and labels are added up.
 *
 * Arrays are public for reading; only the profile_add_…() functions write, and what they are given
 * must not point into the same profile's arrays (they move). Source: common/profile.proto, our
 * own schema of pprof's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct Probe__Info; /* common/info.proto */

struct profile_type {
	uint32_t type, unit; /* strings: "cpu", "nanoseconds" */
};
struct profile_mapping {
	uint64_t start, limit, offset; /* addresses of the file's code segment, as in its
					* program headers: pprof's -disasm needs that */
	uint32_t file, build_id;       /* strings */
	bool has_functions, has_filenames, has_line_numbers, has_inline_frames;
};
struct profile_function {
	uint32_t name, system_name, file; /* strings */
	int64_t start_line;
};
struct profile_line {
	uint32_t function;
	int64_t line, column;
};
struct profile_location {
	uint32_t mapping; /* 0: none */
	bool is_folded;
	uint32_t first_line, n_lines; /* in `lines`: innermost inline first */
	uint64_t address;
};
struct profile_stack {
	uint32_t first_frame, n_frames; /* in `frames`: locations, leaf first */
};
struct profile_label {
	uint32_t key, text; /* strings; text 0: a number */
	int64_t number;
	uint32_t unit;
};
struct profile_labels {
	uint32_t first_label, n_labels; /* in `label` */
};
struct profile_row {
	uint32_t stack, labels; /* its values: values[row * n_types …] */
};

/* A growing array: n used, element 0 is the "none" where the comment above says so. */
#define PROFILE_ARRAY(type)                                                                        \
	struct {                                                                                   \
		type *at;                                                                          \
		uint32_t n, room;                                                                  \
	}

struct profile {
	PROFILE_ARRAY(char)
	text; /* of the strings, each NUL-terminated (a NUL inside became ' ') */
	PROFILE_ARRAY(uint32_t) strings;		  /* start in text */
	PROFILE_ARRAY(struct profile_type) types;	  /* from 0 */
	PROFILE_ARRAY(struct profile_mapping) mappings;	  /* from 1; 1 is the main binary */
	PROFILE_ARRAY(struct profile_function) functions; /* from 1 */
	PROFILE_ARRAY(struct profile_location) locations; /* from 1 */
	PROFILE_ARRAY(struct profile_line) lines;
	PROFILE_ARRAY(struct profile_stack) stacks; /* from 1 */
	PROFILE_ARRAY(uint32_t) frames;
	PROFILE_ARRAY(struct profile_labels) label_sets; /* from 1 */
	PROFILE_ARRAY(struct profile_label) label;
	PROFILE_ARRAY(struct profile_row) rows; /* from 0 */
	int64_t *values;			/* rows.n * types.n */
	PROFILE_ARRAY(uint32_t) comments;	/* strings */
	uint32_t default_type; /* index in types; the last one where the file says nothing */
	uint32_t drop_frames, keep_frames, doc_url; /* strings */
	struct profile_type period_type;
	int64_t period, time_ns, duration_ns;
	/* Owned, all of it of malloc (as protobuf-c unpacks); NULL: not known (another profiler's).
	 */
	struct Probe__Info *info;
	struct profile_index *index; /* private to profile.c */
};

/* The columns of every file of ours, in this order; another event than cpu-clock adds a seventh. */
enum profile_column {
	COLUMN_SAMPLES, /* samples/count */
	COLUMN_CPU,	/* cpu/nanoseconds: the default */
	COLUMN_OFFCPU_EVENTS,
	COLUMN_BLOCKED,
	COLUMN_RUNNABLE,
	COLUMN_WALL, /* cpu + blocked + runnable of the row */
	PROFILE_COLUMNS,
};

/* Memory runs out: the process ends with one line (as malloc's failure does everywhere here). */
struct profile *profile_new(void);
/* With our six columns and period type. */
struct profile *profile_new_ours(void);
void profile_free(struct profile *profile);

uint32_t profile_add_string(struct profile *profile, const char *text, size_t bytes);
/* Before the first row; not interned: a foreign file may have two of one name. */
uint32_t profile_add_type(struct profile *profile, struct profile_type type);
/* One a file, build ID and segment; the has_… of a known one become true where these are. */
uint32_t profile_add_mapping(struct profile *profile, const struct profile_mapping *mapping);
uint32_t profile_add_function(struct profile *profile, const struct profile_function *function);
/* `lines`: n of them, innermost first; first_line and n_lines of `location` are set here. */
uint32_t profile_add_location(struct profile *profile, const struct profile_location *location,
			      const struct profile_line *lines, uint32_t n);
/* Gives a location other lines: names that were found later. Rows do not change. After that,
 * locations cannot be added any more (they would not be found to be equal). */
void profile_set_lines(struct profile *profile, uint32_t location, const struct profile_line *lines,
		       uint32_t n);
uint32_t profile_add_stack(struct profile *profile, const uint32_t *locations, uint32_t n);
/* Sorted by key inside, so that order does not matter. */
uint32_t profile_add_labels(struct profile *profile, const struct profile_label *labels,
			    uint32_t n);
/* Adds values (types.n of them, saturating) to the row of this stack and label set. */
void profile_add_row(struct profile *profile, uint32_t stack, uint32_t labels,
		     const int64_t *values);

/* A comment (a string) it has not got. */
void profile_add_comment(struct profile *profile, uint32_t string);

static inline const char *profile_string(const struct profile *profile, uint32_t string)
{
	return profile->text.at + profile->strings.at[string];
}
static inline const char *profile_function_name(const struct profile *profile, uint32_t function)
{
	return profile_string(profile, profile->functions.at[function].name);
}
/* Type number of NAME ("cpu"), the first; -1: none. */
int profile_find_type(const struct profile *profile, const char *name);

/* Adds `from` (another profile, unchanged) to `into`: rows, info (profile_info.h), durations,
 * comments it has not got. -EINVAL with words, and nothing changed, when sample types or period
 * types differ. A new profile without types takes those of `from`. */
int profile_merge(struct profile *into, const struct profile *from, struct err *err);
