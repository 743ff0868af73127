/* SPDX-License-Identifier: Apache-2.0 */
/* `probe record --every 10s`: one recording after the other, a file each. Each is a child process
 * that is prepared before its turn and begins when the one before it ends, which names and writes
 * its samples meanwhile: what is between two files is the time of starting to sample. */
#pragma once

struct err;
struct record_args;

/* Until the signal, the whole duration or the targets' end. The exit status, or negative errno with
 * words. */
int record_every_run(struct record_args *args, const char *socket_path, struct err *err);
