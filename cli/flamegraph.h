/* SPDX-License-Identifier: Apache-2.0 */
/* `probe flamegraph`: a profile as a picture to look around in. */
#pragma once

struct command_globals;
struct err;

int flamegraph_command(const struct command_globals *globals, int argc, char **argv,
		       struct err *err);
