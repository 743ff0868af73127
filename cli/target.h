/* SPDX-License-Identifier: Apache-2.0 */
/* Whom to record, as typed: lists of PIDs and TIDs, names. Opening turns them into pidfds, which
 * pin the processes: a number that is reused later cannot be mistaken for them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

struct target {
	uint32_t *pids;
	size_t n_pids;
	uint32_t *tids;
	size_t n_tids;
	int *fds; /* after target_open(): of the pids, then of the threads' processes */
};

/* Closes and frees; zeroed storage is fine. */
void target_deinit(struct target *target);

/* `text`: numbers separated by commas, blanks or newlines, as pgrep and pidof print them; numbers
 * that are there already are passed over. -EINVAL with words: no number, out of range, more than
 * LIMIT_TARGETS, or an empty list (pgrep found none). */
int target_add_pids(struct target *target, const char *text, struct err *err);
int target_add_tids(struct target *target, const char *text, struct err *err);
/* -ESRCH with words: no such process, or one that has ended and waits for its parent (a zombie);
 * -EINVAL with words: a thread's number among the pids. */
int target_open(struct target *target, struct err *err);
/* Whether all processes of an opened target have ended; false where none is named. */
bool target_has_ended(const struct target *target);
