/* SPDX-License-Identifier: Apache-2.0 */
/* Recording before looking: `probe report -p PID 10s` is `probe record` and then `probe report`, in
 * one line. The profile stays in the current directory. */
#pragma once

struct command_globals;
struct err;
struct input;

/* Runs `probe record` in a child, so that its signals and descriptors are its own. 0 and the file's
 * name; a positive exit status: it has said why; negative errno with words. */
int input_record_run(const struct input *input, const struct command_globals *globals, char path[],
		     struct err *err);
