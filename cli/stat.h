/* SPDX-License-Identifier: Apache-2.0 */
/* `probe stat`: what processes use, each second, until they end. */
#pragma once

struct command_globals;
struct err;

int stat_command(const struct command_globals *globals, int argc, char **argv, struct err *err);
