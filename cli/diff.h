/* SPDX-License-Identifier: Apache-2.0 */
/* `probe diff`: two sides of one or more profiles, and what surely differs. */
#pragma once

struct command_globals;
struct err;

/* A command's function (commands.h). 1: --fail-over, and there is such a growth. */
int diff_command(const struct command_globals *globals, int argc, char **argv, struct err *err);
