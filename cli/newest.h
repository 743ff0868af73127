/* SPDX-License-Identifier: Apache-2.0 */
/* The newest profiles of ours in the current directory, for commands that are given no file. */
#pragma once

struct err;
struct profile;

enum {
	NEWEST_NAME = 256
};

/* Reads the newest *.pb.gz in `directory` that says it is of ours (by time of change, then by name:
 * ours have the time in it); files that cannot be read are passed over with a note. Its name goes
 * to `name`. -ENOENT with words: there is none. */
int newest_read(const char *directory, char name[NEWEST_NAME], struct profile **profile,
		struct err *err);
/* Names of the two newest, the older one first (diff's "before"). -ENOENT: there are not two. */
int newest_two(const char *directory, char names[2][NEWEST_NAME], struct err *err);
