/* SPDX-License-Identifier: Apache-2.0 */
/* Where a recording goes: a file that appears whole, by rename, or standard output. What cannot be
 * written is found before sampling starts; what fails at the end is saved elsewhere. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct export_format;

/* The bytes that the engine sent: pprof, compressed with zstd. */
struct output_profile {
	uint8_t *zstd; /* owned */
	size_t bytes, room;
};

/* -EFBIG: beyond LIMIT_PROFILE_BYTES. */
int output_profile_add(struct output_profile *profile, const void *data, size_t bytes);
void output_profile_deinit(struct output_profile *profile);

struct output {
	const char *path; /* -o; NULL: a name made of target and time, in the current directory */
	bool force;	  /* an existing file may be replaced */
	const struct export_format *format; /* NULL: pprof */
};

static inline bool output_is_stdout(const struct output *output)
{
	return output->path && output->path[0] == '-' && !output->path[1];
}

/* Before sampling: can it be written? Negative errno with words: the file exists, its directory is
 * missing or not writable, standard output is a terminal or closed. */
int output_check(const struct output *output, struct err *err);

/* For the default name. */
struct output_name {
	const char *name; /* of the target, any bytes */
	uint32_t pid;	  /* 0: none */
	int64_t time_s;	  /* since 1970, UTC */
	const char *suffix;
};

/* "NAME-PID-20261122T074512Z.pb.gz", `n` from 2 on: "…Z-2.pb.gz"; sanitized; cut to `room`. */
void output_make_name(char *out, size_t room, const struct output_name *name, unsigned n);

enum output_result {
	/* *path is where asked or named */
	OUTPUT_SAVED = 1,
	/* it could not be written there (words in err): *path is a file in $TMPDIR or /tmp */
	OUTPUT_SAVED_ELSEWHERE,
};

/* Writes in the format wished. *path (new on the heap; "-" for standard output) and *bytes only
 * with the results above; else negative errno with words, and no file is left. -EPIPE: nobody reads
 * standard output any more (no words). */
int output_save(const struct output *output, const struct output_profile *profile,
		const struct output_name *name, char **path, uint64_t *bytes, struct err *err);
