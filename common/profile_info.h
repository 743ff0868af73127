/* SPDX-License-Identifier: Apache-2.0 */
/* The info message of a merged profile. What can be added up is: counters by (name, module),
 * threads by (pid, tid, start), samples and firings, the profiler's own CPU time. What describes
 * one recording (name, mode, rate, kernel …) stays only where both say the same. processes and
 * threads become the larger number: the same ones may be in both files. The share of steal is
 * weighted by the recordings' durations. Labels and notes are united.
 *
 * Where only one side has an info, its numbers stay (what it lost is lost) and a note says that
 * they cover a part; where none has, the merged profile has none: not known is never zero. */
#pragma once

#include <stdint.h>

struct Probe__Info;

/* *into (may be NULL; of malloc, as protobuf-c unpacks) becomes the info of both; `from` (may be
 * NULL) stays as it is. The durations are those of the two profiles before they were added. */
void profile_info_merge(struct Probe__Info **into, const struct Probe__Info *from,
			int64_t into_duration_ns, int64_t from_duration_ns);
/* A copy of its own; NULL of NULL. */
struct Probe__Info *profile_info_copy(const struct Probe__Info *info);
