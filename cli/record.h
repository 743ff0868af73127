/* SPDX-License-Identifier: Apache-2.0 */
/* `probe record`: what it can do is told by the usage in record_args.c and by probe-record(1). */
#pragma once

struct command_globals;
struct err;

/* As struct command's run (cli/commands.h). */
int record_command(const struct command_globals *globals, int argc, char **argv, struct err *err);
