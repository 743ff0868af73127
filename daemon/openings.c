/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/openings.h"

#include <stdlib.h>

#include "common/array.h"

static const uint64_t SECOND_NS = 1000000000;

void openings_deinit(struct openings *openings)
{
	free(openings->at);
	*openings = (struct openings){0};
}

static struct openings_of_user *find(struct openings *openings, uid_t uid, uint64_t now_ns)
{
	for (uint32_t i = 0; i < openings->n; i++)
		if (openings->at[i].uid == uid)
			return &openings->at[i];
	struct openings_of_user *user = array_add(openings);
	*user = (struct openings_of_user){uid, OPENINGS_AT_ONCE, now_ns};
	return user;
}

bool openings_take(struct openings *openings, uid_t uid, uint64_t now_ns)
{
	if (uid == 0)
		return true;
	struct openings_of_user *user = find(openings, uid, now_ns);
	uint64_t seconds = (now_ns - user->since_ns) / SECOND_NS;
	uint64_t left = user->left + seconds * OPENINGS_A_SECOND;
	user->since_ns += seconds * SECOND_NS;
	user->left = left < OPENINGS_AT_ONCE ? (uint32_t)left : OPENINGS_AT_ONCE;
	if (!user->left)
		return false;
	user->left--;
	return true;
}
