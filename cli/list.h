/* SPDX-License-Identifier: Apache-2.0 */
/* `probe list`: the processes that I may record. */
#pragma once

struct command_globals;
struct err;

int list_command(const struct command_globals *globals, int argc, char **argv, struct err *err);
