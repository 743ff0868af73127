/* SPDX-License-Identifier: Apache-2.0 */
/* Small profiles for the tests of views, said in words. */
#pragma once

#include <stdint.h>

struct profile;

/* A row: frames from the root, "main;parse;[copy]": `module!function`, without `!` of "app". A name
 * in parentheses is inlined into the one before it. */
void fixture_profile_row(struct profile *profile, const char *stack, const char *comm, int64_t pid,
			 int64_t tid, const int64_t *values);
/* One of ours: nginx (4242), 30 s at 99 Hz, cpu mode, six rows; see the source. */
struct profile *fixture_profile_nginx(void);
