/* SPDX-License-Identifier: Apache-2.0 */
/* The profile that a command looks at: a file, standard input, the newest of ours here, or one that
 * is recorded first (-p PID DURATION). */
#pragma once

#include "cli/options.h"

#include <stdbool.h>

struct command_globals;
struct err;
struct profile;

enum {
	INPUT_NAME = 256
};

/* What the command line said; zeroed: nothing. */
struct input {
	const char *file; /* "-": standard input */
	const char *pids, *hz, *duration;
};

/* For the command's table. */
#define INPUT_OPTIONS                                                                              \
	{"pid", 'p', "PID[,PID]", "record this process first, for DURATION"},                      \
	{                                                                                          \
		"frequency", 'F', "HZ", "with -p: samples a second (99)"                           \
	}

/* Takes an option of INPUT_OPTIONS; false: it is another. */
bool input_take_option(struct input *input, int got, const char *value);
/* A word: the file, or with -p the duration. -EINVAL with words: one too many. */
int input_take_word(struct input *input, const char *word, struct err *err);

/* Reads it, after recording it if so wished (which is said on stderr, as the newest's name is).
 * `name` gets what to call it, without directories. 0 and a new *profile; a positive exit status:
 * the recording failed and has said why; negative errno with words. */
int input_open(const struct input *input, const struct command_globals *globals,
	       char name[INPUT_NAME], struct profile **profile, struct err *err);
/* Just a file (NULL: the newest, "-": standard input), to be shown: without what it asks to leave
 * out. */
int input_read(const char *file, char name[INPUT_NAME], struct profile **profile, struct err *err);
/* The same with all there is in it, to be written again. */
int input_read_whole(const char *file, char name[INPUT_NAME], struct profile **profile,
		     struct err *err);
/* Of a profile that has nothing to be shown: -ENODATA with words. */
int input_refuse_empty(const struct profile *profile, const char *name, struct err *err);
