/* SPDX-License-Identifier: Apache-2.0 */
/* What processes map while they are recorded (dlopen, and a library that takes the place of
 * another), as the kernel tells it on the side of a dummy event a CPU: PERF_RECORD_MMAP2,
 * perf_event_open(2). Who mapped a file executable has its maps read again; the records say no more
 * than that, so nothing else of them is parsed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct sideband;

struct sideband_handlers {
	void *data;
	/* `pid` mapped a file executable at `time_ns` (CLOCK_MONOTONIC). */
	void (*on_map)(void *data, uint32_t pid, uint64_t time_ns);
	/* Records were lost: any process may have. */
	void (*on_lost)(void *data);
};

/* Takes `n` fds of programs_open_sideband(), also when it fails. Disabled. */
int sideband_open(struct sideband **sideband, const int *fds_take, size_t n, struct err *err);
void sideband_close(struct sideband *sideband);
int sideband_enable(struct sideband *sideband, bool on);
void sideband_drain(struct sideband *sideband, const struct sideband_handlers *handlers);
