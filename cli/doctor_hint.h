/* SPDX-License-Identifier: Apache-2.0 */
/* What would help a module of a process: a package with its names, an interpreter's option. */
#pragma once

#include <stdbool.h>

struct Probe__Examine__Module;

enum {
	DOCTOR_HINT_BYTES = 256,
};

/* Each: a line for people in `hint`; false: there is nothing to say. `package`: the one that the
 * file is from, "": none, NULL: not known. */
bool doctor_hint_names(const struct Probe__Examine__Module *module, const char *package,
		       char hint[DOCTOR_HINT_BYTES]);
/* Of a file that is known to lack names. */
void doctor_hint_file(const char *path, const char *package, char hint[DOCTOR_HINT_BYTES]);
bool doctor_hint_interpreter(const struct Probe__Examine__Module *module,
			     char hint[DOCTOR_HINT_BYTES]);
