/* SPDX-License-Identifier: Apache-2.0 */
/* `probe top`: a live table of where processes spend their time now. */
#pragma once

struct command_globals;
struct err;

int top_command(const struct command_globals *globals, int argc, char **argv, struct err *err);
