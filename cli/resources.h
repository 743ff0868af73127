/* SPDX-License-Identifier: Apache-2.0 */
/* What a target used over time: readings of usage.h each second while it is recorded, as
 * common/info.proto keeps them. However long it takes, the readings stay few: when there are too
 * many, two become one. */
#pragma once

#include "cli/usage.h"
#include "cli/usage_totals.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output_profile;
struct Probe__Resources;

struct resources {
	struct usage *usage; /* one of both; NULL: not begun, or over */
	struct usage_totals *totals;
	uint64_t began_ns, next_ns, interval_ns;
	uint64_t *time_ns;	      /* since the beginning: the end of each reading */
	uint64_t *value[USAGE_KINDS]; /* n of each */
	uint32_t n;
	unsigned known; /* in all readings */
	bool ended;	/* no process is left */
};

/* Begins; `children` as of usage_new(). */
void resources_begin(struct resources *resources, const uint32_t *pids, size_t n, bool children);
/* The same of single threads; of none: of the whole machine. */
void resources_begin_totals(struct resources *resources, const uint32_t *tids, size_t n);
/* Zeroed storage is fine, twice too. */
void resources_deinit(struct resources *resources);
/* ms until the next reading is due; -1: never. */
int resources_due_ms(const struct resources *resources);
/* Reads, if one is due. True: there is a new reading. */
bool resources_tick(struct resources *resources);
/* The last reading, of what is left of a second, unless that is too short to say anything. */
void resources_end(struct resources *resources);

/* The message of common/info.proto; it borrows the readings. NULL: there are none. Freed by
 * resources_message_free(). */
struct Probe__Resources *resources_message(const struct resources *resources);
void resources_message_free(struct Probe__Resources *message);
/* Adds them to a profile that the engine sent, as one more piece of its info message. -EFBIG. */
int resources_append(const struct resources *resources, struct output_profile *profile);
