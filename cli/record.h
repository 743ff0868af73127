/* SPDX-License-Identifier: Apache-2.0 */
/* `probe record`: see CLI.md's words in record_args.c's usage. */
#pragma once

struct command_globals;
struct err;

/* As struct command's run (cli/commands.h). */
int record_command(const struct command_globals *globals, int argc, char **argv, struct err *err);
