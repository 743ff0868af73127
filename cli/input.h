/* SPDX-License-Identifier: Apache-2.0 */
/* The profile that a command looks at: a file, standard input, or the newest of ours here. */
#pragma once

struct err;
struct profile;

enum {
	INPUT_NAME = 256
};

/* `file` NULL: the newest in the current directory, which is said on stderr; "-": standard input.
 * `name` (may be NULL) gets what to call it, without directories. New *profile. */
int input_read(const char *file, char name[INPUT_NAME], struct profile **profile, struct err *err);
