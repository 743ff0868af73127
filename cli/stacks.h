/* SPDX-License-Identifier: Apache-2.0 */
/* `probe stacks`: one whole stack a thread, now. */
#pragma once

struct command_globals;
struct err;

/* As struct command's run (cli/commands.h). */
int stacks_command(const struct command_globals *globals, int argc, char **argv, struct err *err);
