/* SPDX-License-Identifier: Apache-2.0 */
/* `probe export`: a profile in another format. */
#pragma once

struct command_globals;
struct err;

int export_command(const struct command_globals *globals, int argc, char **argv, struct err *err);
