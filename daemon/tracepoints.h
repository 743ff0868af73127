/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's tracepoints by their names, as tracefs lists them. Used by the broker, which alone
 * may read it; the names are from clients. */
#pragma once

#include <stdint.h>
#include "bpf/types.h"

struct bpf_program;
struct err;
struct sampler_bpf;

/* perf_event_attr's config of "SYSTEM:NAME". -ENOENT: there is none (ERR_USAGE, with the nearest
 * one), or tracefs is not mounted (ERR_FAILED). */
int tracepoints_id(const char *name, uint64_t *id, struct err *err);

/* The program that samples them, sampler_trace, with the maps of an object that is loaded: by
 * itself, since few recordings need it and the kernel takes 70 ms to verify it; and one a session,
 * since what the kernel skips it counts by program. Zeroed: none. */
struct tracepoints {
	struct sampler_bpf *of[SESSIONS_MAX];
};

/* Loads the session's unless it is there; *program (borrowed) lives until tracepoints_unload(). 0
 * or negative errno. */
int tracepoints_load(struct tracepoints *tracepoints, uint32_t session,
		     const struct sampler_bpf *loaded, const struct bpf_program **program);
/* How often the kernel met the session's tracepoint but did not run the program, since a BPF
 * program was running on that CPU; whosever thread it was. Linux counts this from 6.7 on ("bpf:
 * Count missed stats in trace_call_bpf"); before it is 0. */
uint64_t tracepoints_skipped(const struct tracepoints *tracepoints, uint32_t session);
/* What is attached runs on. */
void tracepoints_unload(struct tracepoints *tracepoints, uint32_t session);
