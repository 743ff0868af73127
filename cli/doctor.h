/* SPDX-License-Identifier: Apache-2.0 */
/* `probe doctor`: what works on this machine for this user, and what to do about what does not.
 * Features are tried, not concluded from versions. Exit status 1: recording is not possible. */
#pragma once

struct command_globals;
struct err;

int doctor_command(const struct command_globals *globals, int argc, char **argv, struct err *err);
