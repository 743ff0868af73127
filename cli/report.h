/* SPDX-License-Identifier: Apache-2.0 */
/* `probe report`: where the time went, as a table. */
#pragma once

struct command_globals;
struct err;

int report_command(const struct command_globals *globals, int argc, char **argv, struct err *err);
