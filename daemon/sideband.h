/* SPDX-License-Identifier: Apache-2.0 */
/* What processes map executable while they are recorded, and when the memory of one has become that
 * of a new image, as the kernel tells it on the side of a dummy event a CPU: PERF_RECORD_MMAP2 and
 * PERF_RECORD_COMM of an exec, perf_event_open(2). Put in the order of their time with the events
 * of the ring, these are the mappings that a process had when it was sampled, also when it has
 * ended since. What is unmapped is not told. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "daemon/maps.h"

struct err;
struct sideband;

struct sideband_record {
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	uint32_t pid;
	bool image;	       /* its memory is a new image's, with nothing mapped yet: no line */
	struct maps_line line; /* mapped executable */
};

/* Takes `n` fds of programs_open_sideband(), also when it fails. Disabled. */
int sideband_open(struct sideband **sideband, const int *fds_take, size_t n, struct err *err);
void sideband_close(struct sideband *sideband);
int sideband_enable(struct sideband *sideband, bool on);
/* Takes what there is out of the rings. False: some was lost, of any process. */
bool sideband_collect(struct sideband *sideband);
/* The next record from before `time_ns`, or NULL. Borrowed until the next call of either. */
const struct sideband_record *sideband_next(struct sideband *sideband, uint64_t time_ns);
