/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot for people and programs: one stack a thread, with what the thread does and, if it
 * waits, in which system call; threads that do the same stand together. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

struct profile;

struct stacks_wish {
	bool separate; /* each thread by itself */
	bool colour;
};

void stacks_view_print(FILE *out, const struct profile *profile, const struct stacks_wish *wish);
void stacks_view_json(FILE *out, const struct profile *profile, const struct stacks_wish *wish);
