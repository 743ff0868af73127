/* SPDX-License-Identifier: Apache-2.0 */
/* `probe symbolize`: names and lines for a profile that was recorded without its debug files. */
#pragma once

struct command_globals;
struct err;

int symbolize_command(const struct command_globals *globals, int argc, char **argv,
		      struct err *err);
