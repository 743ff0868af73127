/* SPDX-License-Identifier: Apache-2.0 */
/* `probe merge`: several profiles as one. */
#pragma once

struct command_globals;
struct err;

int export_merge_command(const struct command_globals *globals, int argc, char **argv,
			 struct err *err);
