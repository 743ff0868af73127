/* SPDX-License-Identifier: Apache-2.0 */
/* What a file asks not to be shown: its drop_frames and keep_frames. */
#pragma once

struct profile;

/* Cuts frames off the leaves of stacks, as pprof does (Profile.RemoveUninteresting): at the
 * function nearest to the root whose whole name drop_frames matches and keep_frames does not, but
 * never before the first other one, so that no stack loses all. A pattern that cannot be read,
 * says something else in POSIX's language than in RE2's, or would cost too much is said on stderr,
 * and nothing is cut. For a profile that gets no more rows. */
void prune_profile(struct profile *profile);
