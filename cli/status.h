/* SPDX-License-Identifier: Apache-2.0 */
/* `probe status`: what the daemon is doing, what it costs and what it lost. */
#pragma once

struct command_globals;
struct err;

int status_command(const struct command_globals *globals, int argc, char **argv, struct err *err);
