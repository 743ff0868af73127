/* SPDX-License-Identifier: Apache-2.0 */
/* `probe completion SHELL`: a script for bash, zsh or fish. The scripts ask `probe help` and
 * `probe COMMAND --help`, so that they know the options of the version that is installed. */
#pragma once

struct command_globals;
struct err;

int completion_command(const struct command_globals *globals, int argc, char **argv,
		       struct err *err);
