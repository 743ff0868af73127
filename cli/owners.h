/* SPDX-License-Identifier: Apache-2.0 */
/* Whose a row is: the thread and process in its labels (`comm`, `pid`, `thread_name`, `thread_id`),
 * numbered, so that views can group by them. */
#pragma once

#include "common/guard.h"
#include "common/profile.h"

#include <stdint.h>

enum owners_by {
	OWNERS_BY_COMM,	   /* "nginx" */
	OWNERS_BY_PROCESS, /* "nginx", 4242 */
	OWNERS_BY_THREAD,  /* "worker", 4242, 4250 */
};

struct owners_one {
	const char *name; /* escaped; "" unknown */
	int64_t pid, tid; /* 0: unknown, or not told apart */
};

struct owners;

struct owners *owners_new(const struct profile *profile, enum owners_by by);
void owners_free(struct owners *owners);
GUARD_DEFINE(owners, struct owners *, owners_free)
/* Numbers from 0 up to, not including, this. */
uint32_t owners_end(const struct owners *owners);
const struct owners_one *owners_get(const struct owners *owners, uint32_t number);
/* Owner of the rows with this label set. */
uint32_t owners_of(const struct owners *owners, uint32_t labels);
