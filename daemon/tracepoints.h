/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's tracepoints by their names, as tracefs lists them. Used by the broker, which alone
 * may read it; the names are from clients. */
#pragma once

#include <stdint.h>

struct err;
struct sampler_bpf;

/* perf_event_attr's config of "SYSTEM:NAME". -ENOENT: there is none (ERR_USAGE, with the nearest
 * one), or tracefs is not mounted (ERR_FAILED). */
int tracepoints_id(const char *name, uint64_t *id, struct err *err);

/* The program that samples them, sampler_trace, with the maps of an object that is loaded: by
 * itself, since few recordings need it and the kernel takes 70 ms to verify it. New *traces, freed
 * by sampler_bpf__destroy(); negative errno. */
int tracepoints_load(const struct sampler_bpf *loaded, struct sampler_bpf **traces);
